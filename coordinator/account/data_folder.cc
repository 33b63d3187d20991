#include "coordinator/account/data_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <vector>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// Root's keeper, and folders of workers, who are another user.
constexpr std::string_view kNotItsOwn[] = {"run", "workers", "lost+found"};
// What the coordinator keeps is not that deep; what it unpacked before it was killed may be.
constexpr int kDeepest = 64;

std::string NameOf(uid_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry == nullptr ? "" : entry->pw_name;
}

class Giving {
 public:
  explicit Giving(const Account& account) : account_(account) {}

  // What is in the folder, and not the folder. Names in `but` stay.
  absl::Status Below(int folder, const std::string& path, int depth, bool top) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(folder, path));
    for (const std::string& name : names) {
      if (top && std::find(std::begin(kNotItsOwn), std::end(kNotItsOwn), name) != std::end(kNotItsOwn))
        continue;
      RETURN_IF_ERROR(One(folder, name, path + "/" + name, depth));
    }
    return absl::OkStatus();
  }

  int64_t given() const { return given_; }

 private:
  static absl::StatusOr<std::vector<std::string>> Names(int folder, const std::string& path) {
    const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* const entries = copy < 0 ? nullptr : fdopendir(copy);
    if (entries == nullptr) return ErrnoStatus(errno, path);
    std::vector<std::string> names;
    while (const dirent* entry = readdir(entries)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    closedir(entries);
    return names;
  }

  absl::Status One(int parent, const std::string& name, const std::string& path, int depth) {
    struct stat info {};
    if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, path);
    if (info.st_uid != 0 || S_ISLNK(info.st_mode)) return absl::OkStatus();
    if (S_ISDIR(info.st_mode)) return Folder(parent, name, path, depth);
    if (info.st_nlink > 1) {
      LogWarning("{} stays root's: it has other names, which may be anywhere", path);
      return absl::OkStatus();
    }
    return Give(parent, name, path);
  }

  absl::Status Folder(int parent, const std::string& name, const std::string& path, int depth) {
    if (depth == kDeepest) {
      LogWarning("{} stays root's: too deep", path);
      return absl::OkStatus();
    }
    const UniqueFd folder(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info {};
    if (!folder.valid() || fstat(folder.get(), &info) != 0) return ErrnoStatus(errno, path);
    if (info.st_uid != 0) return absl::OkStatus();
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
      LogWarning("{} stays root's: others can write to it, so what is in it may be theirs", path);
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(Below(folder.get(), path, depth + 1, false));
    if (fchown(folder.get(), account_.uid, account_.gid) != 0) return ErrnoStatus(errno, path);
    ++given_;
    return absl::OkStatus();
  }

  // Nobody else can put anything in its place: it is root's, in a folder that is root's alone or sticky.
  absl::Status Give(int parent, const std::string& name, const std::string& path) {
    if (fchownat(parent, name.c_str(), account_.uid, account_.gid, AT_SYMLINK_NOFOLLOW) != 0)
      return ErrnoStatus(errno, path);
    ++given_;
    return absl::OkStatus();
  }

  const Account& account_;
  int64_t given_ = 0;
};

absl::Status CheckOwner(const struct stat& info, const std::string& folder, const Account& account) {
  if (info.st_uid != 0) {
    return absl::FailedPreconditionError(fmt::format(
        "the data folder {} is of user {}, and the coordinator would run as {}: choose another folder, or "
        "--user {}",
        folder, info.st_uid, account.name, NameOf(info.st_uid)));
  }
  const bool others = (info.st_mode & S_IWOTH) != 0 ||
                      ((info.st_mode & S_IWGRP) != 0 && info.st_gid != 0 && info.st_gid != account.gid);
  if (!others) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("others can write to the data folder {}, so what is in it may be theirs: chmod go-w {}",
                  folder, folder));
}

}  // namespace

absl::StatusOr<Account> OwnerOfData(const std::string& folder) {
  struct stat info {};
  if (lstat((folder + "/record.db").c_str(), &info) != 0 && stat(folder.c_str(), &info) != 0)
    return ErrnoStatus(errno, folder);
  return Account{NameOf(info.st_uid), info.st_uid, info.st_gid};
}

absl::Status GiveDataFolder(const std::string& folder, const Account& account) {
  RETURN_IF_ERROR(MakeFolders(folder));
  // Where the operator's own link leads to is the folder.
  ASSIGN_OR_RETURN(const UniqueFd top, OpenFile(folder, O_RDONLY | O_DIRECTORY));
  struct stat info {};
  if (fstat(top.get(), &info) != 0) return ErrnoStatus(errno, folder);
  if (info.st_uid == account.uid) return absl::OkStatus();
  RETURN_IF_ERROR(CheckOwner(info, folder, account));
  Giving giving(account);
  RETURN_IF_ERROR(giving.Below(top.get(), folder, 0, true));
  // Last, so that everything was done while the folder was root's alone.
  const mode_t mode = (info.st_mode & 0755) | S_ISVTX | S_IRWXU | S_IRWXG;
  if (fchown(top.get(), 0, account.gid) != 0 || fchmod(top.get(), mode) != 0)
    return ErrnoStatus(errno, folder);
  if (giving.given() > 0)
    LogInfo("{} files and folders of root in {} were given to {}", giving.given(), folder, account.name);
  return absl::OkStatus();
}

absl::Status BecomeOwnerOfData(const std::string& folder) {
  if (geteuid() != 0) return absl::OkStatus();
  const auto owner = OwnerOfData(folder);
  if (absl::IsNotFound(owner.status())) return absl::OkStatus();
  RETURN_IF_ERROR(owner.status());
  return owner->uid == 0 || owner->gid == 0 ? absl::OkStatus() : BecomeAccount(*owner);
}

}  // namespace crossmill::coordinator
