#include "worker/mount_points.h"

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

absl::Status MountPoints::Add(std::string_view path, bool folder) {
  std::deque<std::string> parts;
  PushFront(path, &parts);
  std::string here = root_;
  int links = 0;
  while (!parts.empty()) {
    const std::string part = std::move(parts.front());
    parts.pop_front();
    if (part == "..") {
      if (here.size() > root_.size()) here = ParentOf(here);
      continue;
    }
    const std::string next = here + "/" + part;
    const bool want_folder = folder || !parts.empty();
    struct stat state {};
    if (lstat(next.c_str(), &state) != 0) {
      if (errno != ENOENT) return ErrnoStatus(errno, fmt::format("mount point {}", path));
      RETURN_IF_ERROR(Make(here, next, want_folder));
    } else if (S_ISLNK(state.st_mode)) {
      if (++links > kLinkLimit) {
        return absl::FailedPreconditionError(fmt::format("mount point {}: too many symbolic links", path));
      }
      ASSIGN_OR_RETURN(const std::string target, ReadLink(next));
      PushFront(target, &parts);
      if (!target.empty() && target.front() == '/') here = root_;
      continue;
    } else if (S_ISDIR(state.st_mode) != want_folder) {
      return absl::FailedPreconditionError(fmt::format("mount point {}: {} is {} in the image", path,
                                                       next.substr(root_.size()),
                                                       want_folder ? "not a folder" : "a folder"));
    }
    here = next;
  }
  return absl::OkStatus();
}

absl::Status MountPoints::Make(const std::string& parent, const std::string& path, bool folder) {
  const KeptTimes times(parent);
  if (folder) {
    if (mkdir(path.c_str(), 0755) != 0) return ErrnoStatus(errno, fmt::format("mount point {}", path));
    chmod(path.c_str(), 0755);
  } else {
    ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  }
  made_.push_back(path.substr(root_.size() + 1));
  return absl::OkStatus();
}

void MountPoints::Remove() {
  for (auto made = made_.rbegin(); made != made_.rend(); ++made) {
    const std::string path = root_ + "/" + *made;
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
