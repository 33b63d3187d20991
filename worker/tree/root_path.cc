#include "worker/tree/root_path.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>

#include "common/base/opening/open_resolved.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/layer/tar_entry.h"

namespace crossmill::worker {
namespace {

constexpr int kMaxLinks = 255;

absl::StatusOr<UniqueFd> Open2(int folder, std::string_view path, int flags, mode_t mode, uint64_t resolve) {
  UniqueFd fd = OpenResolved(folder, path.empty() ? "." : std::string(path), flags, resolve, mode);
  if (fd.valid()) return fd;
  return ErrnoStatus(
      errno,
      fmt::format("/{}", layer::Printable(path.substr(std::min(path.find_first_not_of('/'), path.size())))));
}

std::vector<std::string> Components(std::string_view path) {
  std::vector<std::string> components;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    if (!name.empty() && name != ".") components.emplace_back(name);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return components;
}

// Target of the link `path` below `root`; empty if it is none; "" and `missing` if there is nothing.
absl::StatusOr<std::string> ReadLink(int root, const std::string& path, struct stat* info, bool* missing) {
  *missing = false;
  auto fd = OpenBelow(root, path, O_PATH | O_NOFOLLOW);
  if (!fd.ok()) {
    *missing = absl::IsNotFound(fd.status());
    if (*missing) return std::string();
    return fd.status();
  }
  if (fstat(fd->get(), info) != 0) return ErrnoStatus(errno, path);
  if (!S_ISLNK(info->st_mode)) return std::string();
  char target[PATH_MAX];
  const ssize_t size = readlinkat(fd->get(), "", target, sizeof(target));
  if (size <= 0) return ErrnoStatus(size < 0 ? errno : EINVAL, path);
  return std::string(target, static_cast<size_t>(size));
}

// Whether the path is what it says: all of it is there, and nothing of it is a link. The kernel knows at
// once, where going from name to name takes the square of the depth, and a tree of folders in each other its
// cube: minutes.
bool IsWithoutLinks(int root, const std::vector<std::string>& names, bool follow_last) {
  if (std::find(names.begin(), names.end(), "..") != names.end()) return false;
  const std::vector<std::string> looked_at(names.begin(),
                                           names.end() - (follow_last || names.empty() ? 0 : 1));
  if (looked_at.empty()) return true;
  const auto fd = OpenBelow(root, JoinNames(looked_at), follow_last ? O_PATH : O_PATH | O_DIRECTORY);
  struct stat info;
  return fd.ok() && fstat(fd->get(), &info) == 0 && !S_ISLNK(info.st_mode);
}

absl::StatusOr<std::string> Resolve(int root, std::string_view path, bool follow_last) {
  std::vector<std::string> done;
  const std::vector<std::string> first = Components(path);
  if (IsWithoutLinks(root, first, follow_last)) return JoinNames(first);
  std::deque<std::string> rest(first.begin(), first.end());
  int links = 0;
  bool below_missing = false;
  while (!rest.empty()) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    if (name == "..") {
      if (!done.empty()) done.pop_back();
      below_missing = false;
      continue;
    }
    done.push_back(name);
    if (below_missing || (rest.empty() && !follow_last)) continue;
    struct stat info;
    bool missing = false;
    ASSIGN_OR_RETURN(const std::string target, ReadLink(root, JoinNames(done), &info, &missing));
    below_missing = missing;
    if (missing) continue;
    if (!target.empty()) {
      if (++links > kMaxLinks) {
        return absl::InvalidArgumentError(
            fmt::format("{}: too many levels of links", layer::Printable(path)));
      }
      done.pop_back();
      if (target.front() == '/') done.clear();
      const std::vector<std::string> components = Components(target);
      rest.insert(rest.begin(), components.begin(), components.end());
    } else if (!rest.empty() && !S_ISDIR(info.st_mode)) {
      return absl::InvalidArgumentError(
          fmt::format("/{} is not a directory", layer::Printable(JoinNames(done))));
    }
  }
  return JoinNames(done);
}

}  // namespace

absl::StatusOr<UniqueFd> OpenRoot(const std::string& root) { return OpenFile(root, O_PATH | O_DIRECTORY); }

absl::StatusOr<UniqueFd> OpenInRoot(int root, std::string_view path, int flags, mode_t mode) {
  return Open2(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

bool IsInRoot(int root, std::string_view path) { return OpenInRoot(root, path, O_PATH).ok(); }

absl::StatusOr<UniqueFd> OpenBelow(int folder, std::string_view path, int flags, mode_t mode) {
  return Open2(folder, path, flags | O_NOFOLLOW, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

absl::StatusOr<std::string> ResolveInRoot(int root, std::string_view path) {
  return Resolve(root, path, true);
}

absl::StatusOr<std::string> ResolveParentInRoot(int root, std::string_view path) {
  return Resolve(root, path, false);
}

absl::StatusOr<UniqueFd> MakeFoldersBelow(int root, std::string_view path, const Owner& owner,
                                          std::vector<std::string>* made, mode_t mode) {
  ASSIGN_OR_RETURN(UniqueFd folder, OpenBelow(root, "", O_RDONLY | O_DIRECTORY));
  std::string so_far;
  for (const std::string& name : Components(path)) {
    so_far += so_far.empty() ? name : "/" + name;
    const bool created = mkdirat(folder.get(), name.c_str(), 0700) == 0;
    if (!created && errno != EEXIST) return ErrnoStatus(errno, fmt::format("/{}", layer::Printable(so_far)));
    auto next = OpenBelow(folder.get(), name, O_RDONLY | O_DIRECTORY);
    if (!next.ok()) {
      return absl::InvalidArgumentError(fmt::format("/{} is not a directory", layer::Printable(so_far)));
    }
    if (created) {
      if (fchown(next->get(), owner.uid, owner.gid) != 0 || fchmod(next->get(), mode) != 0) {
        return ErrnoStatus(
            errno, fmt::format("/{}: setting owner {}:{}", layer::Printable(so_far), owner.uid, owner.gid));
      }
      if (made != nullptr) made->push_back(so_far);
    }
    folder = *std::move(next);
  }
  return folder;
}

absl::StatusOr<std::string> ReadFileInRoot(int root, std::string_view path, int64_t limit) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenInRoot(root, path, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, path);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("{} is not a regular file", layer::Printable(path)));
  }
  return ReadAll(fd.get(), limit);
}

}  // namespace crossmill::worker
