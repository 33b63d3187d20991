#include "worker/sandbox/mount_points.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <optional>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr int kLinkLimit = 40;

// Puts a folder's access and change times back when it dies.
class KeptTimes {
 public:
  explicit KeptTimes(std::string folder) : folder_(std::move(folder)) {
    known_ = lstat(folder_.c_str(), &state_) == 0;
  }
  ~KeptTimes() {
    const std::array<timespec, 2> times = {state_.st_atim, state_.st_mtim};
    if (known_) utimensat(AT_FDCWD, folder_.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
  }
  KeptTimes(const KeptTimes&) = delete;
  KeptTimes& operator=(const KeptTimes&) = delete;

 private:
  const std::string folder_;
  struct stat state_ {};
  bool known_ = false;
};

void PushFront(std::string_view path, std::deque<std::string>* parts) {
  std::vector<std::string> pieces;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view piece = path.substr(0, slash);
    if (!piece.empty() && piece != ".") pieces.emplace_back(piece);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  parts->insert(parts->begin(), pieces.begin(), pieces.end());
}

absl::StatusOr<std::string> ReadLink(const std::string& path) {
  std::string target(4096, '\0');
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return ErrnoStatus(errno, path);
  target.resize(static_cast<size_t>(size));
  return target;
}

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

absl::StatusOr<MountPoint> MountPoints::Add(std::string_view path, bool folder, const std::string& source) {
  std::deque<std::string> parts;
  PushFront(path, &parts);
  // Path in the step and on this machine of each folder on the way.
  std::vector<std::pair<std::string, std::string>> way = {{"", root_}};
  int links = 0;
  MountPoint point;
  const auto misfit = [&](const std::string& what, bool want_folder) {
    return absl::FailedPreconditionError(fmt::format("mount point {}: {} is {} in the image", path, what,
                                                     want_folder ? "not a folder" : "a folder"));
  };
  while (!parts.empty()) {
    const std::string part = std::move(parts.front());
    parts.pop_front();
    if (part == "..") {
      if (way.size() > 1) way.pop_back();
      continue;
    }
    const std::string inside = way.back().first + "/" + part;
    std::string outside = way.back().second + "/" + part;
    const bool want_folder = folder || !parts.empty();
    const auto mounted = mounts_.find(inside);
    if (mounted != mounts_.end()) {
      // The runtime's own: what is in it is not to be seen from here.
      if (mounted->second.empty()) {
        if (source.empty() || (inside == "/dev" && !parts.empty())) return point;
        return absl::FailedPreconditionError(
            fmt::format("mount point {}: {} is the sandbox's own", path, inside));
      }
      outside = mounted->second;
    }
    struct stat state {};
    point.existed = true;
    if (lstat(outside.c_str(), &state) != 0) {
      if (errno != ENOENT) return ErrnoStatus(errno, fmt::format("mount point {}", path));
      RETURN_IF_ERROR(Make(way.back().second, outside, want_folder));
      point.existed = false;
    } else if (S_ISLNK(state.st_mode)) {
      if (++links > kLinkLimit) {
        return absl::FailedPreconditionError(fmt::format("mount point {}: too many symbolic links", path));
      }
      ASSIGN_OR_RETURN(const std::string target, ReadLink(outside));
      PushFront(target, &parts);
      if (!target.empty() && target.front() == '/') way.resize(1);
      continue;
    } else if (S_ISDIR(state.st_mode) != want_folder) {
      return misfit(inside, want_folder);
    }
    point.mode = state.st_mode & 07777;
    way.emplace_back(inside, outside);
  }
  const std::string& place = way.back().first;
  if (place.empty()) {
    return absl::FailedPreconditionError(fmt::format("mount point {}: the root itself", path));
  }
  // Mounts below are out of sight from now on.
  mounts_.erase(mounts_.lower_bound(place + "/"), mounts_.lower_bound(place + "0"));
  mounts_[place] = source;
  return point;
}

absl::Status MountPoints::Make(const std::string& parent, const std::string& path, bool folder) {
  const KeptTimes times(parent);
  if (folder) {
    if (mkdir(path.c_str(), 0755) != 0) return ErrnoStatus(errno, fmt::format("mount point {}", path));
    chmod(path.c_str(), 0755);
  } else {
    ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  }
  made_.push_back(path);
  if (path.starts_with(root_ + "/")) made_in_root_.push_back(path.substr(root_.size() + 1));
  return absl::OkStatus();
}

void MountPoints::Remove() {
  for (auto made = made_.rbegin(); made != made_.rend(); ++made) {
    const std::string& path = *made;
    struct stat state {};
    if (lstat(path.c_str(), &state) != 0) continue;
    const KeptTimes times(ParentOf(path));
    if (S_ISDIR(state.st_mode)) {
      rmdir(path.c_str());
    } else if (S_ISREG(state.st_mode) && state.st_size == 0) {
      unlink(path.c_str());
    }
  }
}

}  // namespace crossmill::worker
