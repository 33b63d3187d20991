// RemoveTree of files.h: trees of strangers, which may be deeper than a path can be long, than there are
// descriptors and than the stack would hold.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

// Folders that are open at the same time; those further up are opened again on the way back.
constexpr size_t kMostOpen = 32;
// Of a path in an error.
constexpr size_t kLongestShown = 4096;

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

class TreeRemover {
 public:
  explicit TreeRemover(std::string path) : path_(std::move(path)) {}

  // Removes what is in the folder behind `top`.
  absl::Status Run(UniqueFd top) {
    Enter("", std::move(top));
    while (!levels_.empty()) {
      if (!levels_.back().folders.empty()) {
        Descend();
      } else if (!Leave()) {
        break;
      }
    }
    return first_;
  }

 private:
  struct Level {
    std::string name;
    // In it, and not removed yet.
    std::vector<std::string> folders;
    // None while many folders below it are open.
    UniqueFd fd;
    dev_t device = 0;
    ino_t inode = 0;
  };

  void Note(int error, std::string_view name) {
    if (!first_.ok() || error == ENOENT) return;
    std::string path = path_;
    for (const Level& level : levels_) {
      if (path.size() > kLongestShown) break;
      if (!level.name.empty()) path += "/" + level.name;
    }
    first_ = ErrnoStatus(error, name.empty() ? path : fmt::format("{}/{}", path, name));
  }

  // Removes the files in it; folders are noted. Folders that their owner may not change (a build or an
  // archive may leave them) are made so that he may.
  void Enter(std::string name, UniqueFd fd) {
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return Note(errno, name);
    if ((info.st_mode & 0700) != 0700) (void)fchmod(fd.get(), 0700);
    levels_.push_back({std::move(name), {}, std::move(fd), info.st_dev, info.st_ino});
    if (levels_.size() > kMostOpen) levels_[levels_.size() - 1 - kMostOpen].fd.Reset();
    Level& level = levels_.back();
    // The stream takes over the descriptor it gets.
    UniqueFd listed(fcntl(level.fd.get(), F_DUPFD_CLOEXEC, 0));
    DIR* stream = listed.valid() ? fdopendir(listed.get()) : nullptr;
    if (stream == nullptr) return Note(errno, "");
    (void)listed.Release();
    while (const dirent* entry = readdir(stream)) {
      const std::string_view entry_name = entry->d_name;
      if (entry_name == "." || entry_name == "..") continue;
      if (unlinkat(level.fd.get(), entry->d_name, 0) == 0) continue;
      if (errno == EISDIR || errno == EPERM) {
        level.folders.emplace_back(entry_name);
      } else {
        Note(errno, entry_name);
      }
    }
    closedir(stream);
  }

  void Descend() {
    Level& level = levels_.back();
    std::string name = std::move(level.folders.back());
    level.folders.pop_back();
    UniqueFd child(openat(level.fd.get(), name.c_str(), kOpenFolder));
    if (!child.valid() && errno == EACCES && fchmodat(level.fd.get(), name.c_str(), 0700, 0) == 0)
      child = UniqueFd(openat(level.fd.get(), name.c_str(), kOpenFolder));
    if (!child.valid()) return Note(errno, name);
    Enter(std::move(name), std::move(child));
  }

  // Goes up, and removes the folder it comes from. False: somebody moved the folder, so that what is above it
  // is not known any more.
  bool Leave() {
    const Level left = std::move(levels_.back());
    levels_.pop_back();
    if (levels_.empty()) return true;
    Level& parent = levels_.back();
    if (!parent.fd.valid()) {
      parent.fd = UniqueFd(openat(left.fd.get(), "..", kOpenFolder));
      struct stat info {};
      if (!parent.fd.valid() || fstat(parent.fd.get(), &info) != 0) {
        Note(errno == ENOENT ? ESTALE : errno, left.name);
        return false;
      }
      if (info.st_dev != parent.device || info.st_ino != parent.inode) {
        Note(ESTALE, left.name);
        return false;
      }
    }
    if (unlinkat(parent.fd.get(), left.name.c_str(), AT_REMOVEDIR) != 0) Note(errno, left.name);
    return true;
  }

  const std::string path_;
  // From the top to where it is.
  std::vector<Level> levels_;
  absl::Status first_;
};

}  // namespace

absl::Status RemoveTree(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  if (errno != EISDIR && errno != EPERM) return ErrnoStatus(errno, path);
  UniqueFd fd(open(path.c_str(), kOpenFolder));
  if (!fd.valid() && errno == EACCES && chmod(path.c_str(), 0700) == 0)
    fd = UniqueFd(open(path.c_str(), kOpenFolder));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  RETURN_IF_ERROR(TreeRemover(path).Run(std::move(fd)));
  if (rmdir(path.c_str()) != 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

}  // namespace crossmill
