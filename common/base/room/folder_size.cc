#include "common/base/room/folder_size.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/opening/open_resolved.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

constexpr int64_t kBlock = 512;
// Paths of a tree can be longer than the kernel takes at once: beyond this a folder on the way is held open.
constexpr size_t kLongPath = 2048;

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

struct Pending {
  std::shared_ptr<UniqueFd> from;
  std::string below_from;
  std::string path;
};

// It has gone, or is no folder any more.
bool IsGone(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EXDEV; }

class Walk {
 public:
  Walk(const std::function<WalkOn(const FolderEntry&)>& visit, const UnreadFolder& unread)
      : visit_(visit), unread_(unread) {}

  absl::Status Run(const std::string& folder) {
    ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(folder, O_RDONLY | O_DIRECTORY));
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, folder);
    if (Visit("", info) != WalkOn::kYes) return absl::OkStatus();
    pending_.push_back({std::make_shared<UniqueFd>(std::move(fd)), ".", ""});
    while (!pending_.empty() && !ended_) {
      const Pending next = std::move(pending_.back());
      pending_.pop_back();
      // Through no link that somebody put in a folder's place.
      UniqueFd own = OpenResolved(next.from->get(), next.below_from, O_RDONLY | O_DIRECTORY,
                                  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
      if (own.valid()) {
        List(next, std::move(own));
      } else if (next.path.empty()) {
        return ErrnoStatus(errno, folder);
      } else {
        Miss(next.path, errno);
      }
    }
    return absl::OkStatus();
  }

 private:
  WalkOn Visit(const std::string& path, const struct stat& info) {
    const bool again =
        !S_ISDIR(info.st_mode) && info.st_nlink > 1 && !seen_.emplace(info.st_dev, info.st_ino).second;
    const WalkOn on = visit_({path, info, again ? 0 : int64_t{info.st_blocks} * kBlock});
    if (on == WalkOn::kEnd) ended_ = true;
    return on;
  }

  void Miss(const std::string& path, int error) {
    if (unread_ && !IsGone(error)) unread_(path, error);
  }

  void List(const Pending& folder, UniqueFd own) {
    std::shared_ptr<UniqueFd> from = folder.from;
    std::string before = folder.path.empty() ? "" : folder.below_from + "/";
    if (before.size() > kLongPath) {
      from = std::make_shared<UniqueFd>(fcntl(own.get(), F_DUPFD_CLOEXEC, 0));
      if (!from->valid()) return Miss(folder.path, errno);
      before.clear();
    }
    const std::unique_ptr<DIR, CloseFolder> entries(fdopendir(own.get()));
    if (entries == nullptr) return Miss(folder.path, errno);
    // It is the stream's now.
    const int fd = own.Release();
    while (const dirent* entry = readdir(entries.get())) {
      const std::string_view name = entry->d_name;
      struct stat info {};
      if (name == "." || name == "..") continue;
      if (fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) continue;
      std::string path = folder.path.empty() ? std::string(name) : fmt::format("{}/{}", folder.path, name);
      const WalkOn on = Visit(path, info);
      if (on == WalkOn::kEnd) return;
      if (S_ISDIR(info.st_mode) && on == WalkOn::kYes)
        pending_.push_back({from, before + entry->d_name, std::move(path)});
    }
  }

  const std::function<WalkOn(const FolderEntry&)>& visit_;
  const UnreadFolder& unread_;
  std::vector<Pending> pending_;
  std::set<std::pair<dev_t, ino_t>> seen_;
  bool ended_ = false;
};

}  // namespace

absl::Status WalkFolder(const std::string& folder, const std::function<WalkOn(const FolderEntry&)>& visit,
                        const UnreadFolder& unread) {
  return Walk(visit, unread).Run(folder);
}

absl::StatusOr<FolderSize> MeasureFolder(const std::string& folder, int64_t enough) {
  FolderSize size;
  RETURN_IF_ERROR(WalkFolder(folder, [&](const FolderEntry& entry) {
    size.bytes += entry.bytes;
    if (!entry.path.empty()) ++size.files;
    return size.bytes > enough ? WalkOn::kEnd : WalkOn::kYes;
  }));
  return size;
}

}  // namespace crossmill
