#include "worker/host/user_namespace.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "worker/host/subordinate_ids.h"

namespace crossmill::worker {
namespace {

constexpr long kCgroup2Magic = 0x63677270;

struct Identity {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

absl::StatusOr<Identity> FindIdentity(const NamespaceOptions& options) {
  if (geteuid() == 0) {
    const passwd* entry = getpwnam(options.user.c_str());
    if (entry == nullptr) {
      return absl::FailedPreconditionError(
          fmt::format("there is no system user '{}' for the worker to run as; create it: useradd --system "
                      "--no-create-home --home-dir /var/lib/{} --shell /usr/sbin/nologin {}",
                      options.user, options.user, options.user));
    }
    if (entry->pw_uid == 0) return absl::FailedPreconditionError("the worker's user must not be root");
    return Identity{options.user, entry->pw_uid, entry->pw_gid};
  }
  const passwd* entry = getpwuid(geteuid());
  return Identity{entry != nullptr ? entry->pw_name : std::to_string(geteuid()), geteuid(), getegid()};
}

absl::Status BecomeUser(const Identity& identity) {
  if (geteuid() != 0) return absl::OkStatus();
  if (initgroups(identity.name.c_str(), identity.gid) != 0) return ErrnoStatus(errno, "initgroups");
  if (setresgid(identity.gid, identity.gid, identity.gid) != 0) return ErrnoStatus(errno, "setresgid");
  if (setresuid(identity.uid, identity.uid, identity.uid) != 0) return ErrnoStatus(errno, "setresuid");
  // Changing ids made the process undumpable, and its files in /proc root's; newuidmap needs them.
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "prctl(PR_SET_DUMPABLE)");
  return absl::OkStatus();
}

absl::Status CheckTools() {
  for (const char* tool : {"newuidmap", "newgidmap"}) {
    bool found = false;
    const char* path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
    while (!found && !rest.empty()) {
      const size_t end = std::min(rest.find(':'), rest.size());
      found = access(fmt::format("{}/{}", rest.substr(0, end), tool).c_str(), X_OK) == 0;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (!found) return absl::FailedPreconditionError(fmt::format("{} is missing: apt install uidmap", tool));
  }
  return absl::OkStatus();
}

// newuidmap or newgidmap for this process's parent: 0 is `own`, from 1 on the subordinate ranges without
// gaps. So a layer says the same of owners whichever ids of the machine stand for them.
absl::Status MapIds(const char* tool, pid_t target, uint32_t own, const std::vector<IdRange>& ranges) {
  ProcessOptions options;
  options.argv = {tool, std::to_string(target), "0", std::to_string(own), "1"};
  uint64_t inside = 1;
  for (const IdRange& range : ranges) {
    for (const uint64_t number : {inside, uint64_t{range.first}, uint64_t{range.count}}) {
      options.argv.push_back(std::to_string(number));
    }
    inside += range.count;
  }
  auto result = RunProcess(options);
  if (!result.ok()) return Annotate(result.status(), tool);
  if (result->exit_code == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format("{}: {}", tool, result->stderr_text));
}

// Enters a user namespace whose ids a helper maps from outside: the helper is forked before, because
// only from the parent namespace newuidmap may be used.
absl::Status EnterUserNamespace(const Identity& identity, const SubordinateIds& ids) {
  int begin[2];
  int outcome[2];
  if (pipe2(begin, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  UniqueFd begin_read(begin[0]), begin_write(begin[1]);
  if (pipe2(outcome, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  UniqueFd outcome_read(outcome[0]), outcome_write(outcome[1]);
  const pid_t self = getpid();
  const pid_t helper = fork();
  if (helper < 0) return ErrnoStatus(errno, "fork");
  if (helper == 0) {
    begin_write.Reset();
    char byte;
    if (read(begin_read.get(), &byte, 1) != 1) _exit(1);  // The parent failed, or died.
    absl::Status status = MapIds("newuidmap", self, identity.uid, ids.users);
    if (status.ok()) status = MapIds("newgidmap", self, identity.gid, ids.groups);
    if (!status.ok()) (void)WriteAll(outcome_write.get(), Sv(status.message()));
    _exit(status.ok() ? 0 : 1);
  }
  outcome_write.Reset();
  absl::Status status;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) != 0) {
    status = absl::FailedPreconditionError(
        fmt::format("unshare(user, mount, pid namespaces): {}; user namespaces must be allowed: sysctl -w "
                    "user.max_user_namespaces=65536 (and kernel.unprivileged_userns_clone=1 where it exists)",
                    strerror(errno)));
  } else {
    (void)WriteAll(begin_write.get(), "x");
  }
  begin_write.Reset();
  auto message = ReadAll(outcome_read.get());
  int exit_status = 0;
  while (waitpid(helper, &exit_status, 0) < 0 && errno == EINTR) {
  }
  if (!status.ok()) return status;
  if (exit_status != 0) return absl::FailedPreconditionError(message.value_or("the ids could not be mapped"));
  // Steps must not have what the unprivileged user's supplementary groups allow.
  if (setgroups(0, nullptr) != 0) return ErrnoStatus(errno, "setgroups");
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return ErrnoStatus(errno, "becoming uid 0");
  return absl::OkStatus();
}

int ExitCode(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// Waits for `child`, forwards signals that ask for an end, reaps orphans. All of `signals` are blocked.
int Supervise(pid_t child, const sigset_t& signals) {
  while (true) {
    siginfo_t info;
    const int signal = sigwaitinfo(&signals, &info);
    if (signal < 0) continue;
    if (signal != SIGCHLD) {
      kill(child, signal);
      continue;
    }
    int status = 0;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid == child) return ExitCode(status);
    }
  }
}

// Ends this process when its parent dies, even if that has already happened: the parent holds the other
// end of `lifeline`.
void DieWithParent(const UniqueFd& lifeline) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  pollfd poller{lifeline.get(), POLLIN, 0};
  if (poll(&poller, 1, 0) != 0) _exit(1);
}

absl::StatusOr<UniqueFd> MakeLifeline(UniqueFd* held) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  *held = UniqueFd(ends[1]);
  return UniqueFd(ends[0]);
}

absl::Status BindUnifiedCgroups() {
  struct statfs info;
  if (statfs("/sys/fs/cgroup/unified", &info) != 0 || info.f_type != kCgroup2Magic) return absl::OkStatus();
  if (mount("/sys/fs/cgroup/unified", "/sys/fs/cgroup", nullptr, MS_BIND, nullptr) != 0) {
    return ErrnoStatus(errno, "binding /sys/fs/cgroup/unified over /sys/fs/cgroup");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetUpMounts() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ErrnoStatus(errno, "making mounts private");
  }
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return ErrnoStatus(errno, "mounting /proc (inside a container it must not hide parts of /proc)");
  }
  return BindUnifiedCgroups();
}

absl::StatusOr<std::optional<int>> EnterNamespaces(const NamespaceOptions& options) {
  ASSIGN_OR_RETURN(const Identity identity, FindIdentity(options));
  RETURN_IF_ERROR(CheckTools());
  ASSIGN_OR_RETURN(const SubordinateIds ids, ReadSubordinateIds(identity.name, identity.uid, identity.gid));
  RETURN_IF_ERROR(BecomeUser(identity));
  RETURN_IF_ERROR(EnterUserNamespace(identity, ids));

  sigset_t signals, before;
  sigemptyset(&signals);
  for (int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, &before);
  UniqueFd outer_end, init_end;
  ASSIGN_OR_RETURN(UniqueFd outer_line, MakeLifeline(&outer_end));
  const pid_t init = fork();
  if (init < 0) return ErrnoStatus(errno, "fork");
  if (init > 0) {
    outer_line.Reset();
    return std::optional<int>(Supervise(init, signals));
  }
  // Pid 1 of the namespace. A session of its own: the terminal's signals come once, forwarded.
  outer_end.Reset();
  DieWithParent(outer_line);
  setsid();
  ASSIGN_OR_RETURN(UniqueFd init_line, MakeLifeline(&init_end));
  const pid_t worker = fork();
  if (worker < 0) _exit(125);
  if (worker > 0) _exit(Supervise(worker, signals));
  init_end.Reset();
  DieWithParent(init_line);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  RETURN_IF_ERROR(SetUpMounts());
  return std::optional<int>();
}

}  // namespace crossmill::worker
