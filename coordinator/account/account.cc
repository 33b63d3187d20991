#include "coordinator/account/account.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <vector>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// More than any kernel has.
constexpr int kCapabilities = 64;

using CapabilitySets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

__user_cap_header_struct OwnCapabilities() { return {_LINUX_CAPABILITY_VERSION_3, 0}; }

absl::Status CheckThreads() {
  std::error_code error;
  const std::filesystem::directory_iterator threads("/proc/self/task", error);
  // Without /proc nobody can say; there are none so early.
  if (error || std::distance(begin(threads), end(threads)) == 1) return absl::OkStatus();
  return absl::InternalError("another thread is there already, which would keep its privileges");
}

// What has to happen before the ids change, which takes the right to do it.
absl::Status GiveUpCapabilities() {
  for (int capability = 0; capability < kCapabilities; ++capability) {
    // A root that has few capabilities may not change the set: no_new_privs closes the same way.
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  }
  // Changed ids take all capabilities only without it.
  if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return ErrnoStatus(errno, "prctl(PR_SET_KEEPCAPS)");
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return ErrnoStatus(errno, "prctl(PR_CAP_AMBIENT)");
  return absl::OkStatus();
}

absl::Status ChangeIds(const Account& account) {
  const bool changed =
      account.name.empty() ? setgroups(0, nullptr) == 0 : initgroups(account.name.c_str(), account.gid) == 0;
  if (!changed) return ErrnoStatus(errno, "the groups");
  // The group first: a user without privileges may not change it.
  if (setresgid(account.gid, account.gid, account.gid) != 0) return ErrnoStatus(errno, "setresgid");
  if (setresuid(account.uid, account.uid, account.uid) != 0) return ErrnoStatus(errno, "setresuid");
  // The inheritable set outlives a change of ids.
  __user_cap_header_struct header = OwnCapabilities();
  const CapabilitySets none = {};
  if (syscall(SYS_capset, &header, none.data()) != 0) return ErrnoStatus(errno, "capset");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "prctl(PR_SET_NO_NEW_PRIVS)");
  return absl::OkStatus();
}

// What of the privileges is left; empty: nothing.
std::string Left(const Account& account) {
  uid_t user[3] = {};
  gid_t group[3] = {};
  if (getresuid(&user[0], &user[1], &user[2]) != 0 || getresgid(&group[0], &group[1], &group[2]) != 0)
    return "ids that cannot be read";
  const auto of_account = [](const auto& ids, auto wanted) {
    return std::all_of(std::begin(ids), std::end(ids), [wanted](auto id) { return id == wanted; });
  };
  if (!of_account(user, account.uid) || !of_account(group, account.gid)) return "an id of another user";
  std::vector<gid_t> groups(static_cast<size_t>(std::max(0, getgroups(0, nullptr))));
  if (getgroups(static_cast<int>(groups.size()), groups.data()) < 0) return "groups that cannot be read";
  if (std::find(groups.begin(), groups.end(), gid_t{0}) != groups.end()) return "the group root";
  __user_cap_header_struct header = OwnCapabilities();
  CapabilitySets sets = {};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return "capabilities that cannot be read";
  for (const auto& set : sets) {
    if ((set.effective | set.permitted | set.inheritable) != 0) return "a capability";
  }
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return "what setuid programs give";
  if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0) return "the way back";
  return "";
}

}  // namespace

absl::StatusOr<Account> FindAccount(const std::string& name) {
  const passwd* entry = getpwnam(name.c_str());
  if (entry == nullptr) {
    return absl::NotFoundError(fmt::format(
        "there is no system user {0} for the coordinator to run as; create it: scripts/setup-host, or "
        "useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {0}",
        name));
  }
  if (entry->pw_uid == 0 || entry->pw_gid == 0)
    return absl::InvalidArgumentError(
        fmt::format("the coordinator's user must not be root or of its group: {}", name));
  return Account{name, entry->pw_uid, entry->pw_gid};
}

absl::Status BecomeAccount(const Account& account) {
  if (account.uid == 0 || account.gid == 0) return absl::InvalidArgumentError("root is who it is already");
  RETURN_IF_ERROR(CheckThreads());
  RETURN_IF_ERROR(GiveUpCapabilities());
  RETURN_IF_ERROR(ChangeIds(account));
  const std::string left = Left(account);
  return left.empty() ? absl::OkStatus()
                      : absl::InternalError(fmt::format("the process still has {} after it became user {}",
                                                        left, account.uid));
}

}  // namespace crossmill::coordinator
