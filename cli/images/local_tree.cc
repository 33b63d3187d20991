#include "cli/images/local_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string_view>
#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

class LocalTree {
 public:
  explicit LocalTree(UniqueFd root) : root_(std::move(root)) {}

  absl::Status Put(const layer::TarEntry& entry, const layer::Source& content) {
    const absl::Status status = PutEntry(entry, content);
    if (status.ok()) return status;
    return Annotate(status, layer::Printable(entry.path));
  }

  // Modes and times of folders, when nothing is put into them any more.
  absl::Status Finish() {
    for (auto it = folders_.rbegin(); it != folders_.rend(); ++it) {
      ASSIGN_OR_RETURN(const FolderEntry target, Locate(it->path));
      const char* name = target.name.c_str();
      if (fchmodat(target.fd(), name, it->mode, 0) != 0)
        return ErrnoStatus(errno, layer::Printable(it->path));
      RETURN_IF_ERROR(SetTime(target, it->mtime));
    }
    return absl::OkStatus();
  }

  std::vector<std::string> TakeNotes() {
    std::vector<std::string> notes;
    if (devices_ > 0) {
      notes.push_back(fmt::format("{} device nodes are left out, '{}' is the first", devices_,
                                  layer::Printable(first_device_)));
    }
    if (privileged_ > 0) {
      notes.push_back(fmt::format(
          "{} files lost their setuid and setgid bits, '{}' is the first: they would be programs with "
          "the rights of whoever wrote them here; -o type=tar keeps the bits",
          privileged_, layer::Printable(first_privileged_)));
    }
    return notes;
  }

 private:
  // A name in a folder that is open.
  struct FolderEntry {
    const UniqueFd* folder;
    std::string name;
    int fd() const { return folder->get(); }
  };

  // Component by component and never through a symlink: no path leads out of the root.
  absl::StatusOr<FolderEntry> Locate(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return FolderEntry{&root_, path};
    const std::string parent = path.substr(0, slash);
    if (parent != open_path_ || !open_.valid()) {
      UniqueFd fd;
      std::string_view left = parent;
      int at = root_.get();
      while (!left.empty()) {
        const size_t end = std::min(left.find('/'), left.size());
        const std::string name(left.substr(0, end));
        UniqueFd next(openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!next.valid()) return ErrnoStatus(errno, "folder " + name);
        fd = std::move(next);
        at = fd.get();
        left.remove_prefix(std::min(end + 1, left.size()));
      }
      open_ = std::move(fd);
      open_path_ = parent;
    }
    return FolderEntry{&open_, path.substr(slash + 1)};
  }

  static absl::Status SetTime(const FolderEntry& target, int64_t mtime) {
    const timespec times[2] = {{mtime, 0}, {mtime, 0}};
    if (utimensat(target.fd(), target.name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
      return ErrnoStatus(errno, "set times");
    return absl::OkStatus();
  }

  // Takes away what is not a folder.
  static absl::Status Clear(const FolderEntry& target) {
    if (unlinkat(target.fd(), target.name.c_str(), 0) == 0 || errno == ENOENT) return absl::OkStatus();
    if (errno == EISDIR) return absl::FailedPreconditionError("a folder is where a file should be");
    return ErrnoStatus(errno, "replace");
  }

  absl::Status PutFolder(const FolderEntry& target, const layer::TarEntry& entry) {
    folders_.push_back({entry.path, entry.mode, entry.mtime});
    const char* name = target.name.c_str();
    if (mkdirat(target.fd(), name, 0700) == 0) return absl::OkStatus();
    if (errno != EEXIST) return ErrnoStatus(errno, "make a folder");
    struct stat known;
    if (fstatat(target.fd(), name, &known, AT_SYMLINK_NOFOLLOW) != 0) return ErrnoStatus(errno, "stat");
    if (S_ISDIR(known.st_mode)) {
      // So that it can be written into until its own mode is set.
      if (fchmodat(target.fd(), name, (known.st_mode & 07777) | 0700, 0) != 0)
        return ErrnoStatus(errno, "chmod");
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(Clear(target));
    if (mkdirat(target.fd(), name, 0700) != 0) return ErrnoStatus(errno, "make a folder");
    return absl::OkStatus();
  }

  // The owner is who runs this, perhaps root, and the program is the recipe's.
  uint32_t ModeOfFile(const layer::TarEntry& entry) {
    constexpr uint32_t kPrivileged = S_ISUID | S_ISGID;
    if ((entry.mode & kPrivileged) != 0 && privileged_++ == 0) first_privileged_ = entry.path;
    return entry.mode & ~kPrivileged;
  }

  absl::Status PutFile(const FolderEntry& target, const layer::TarEntry& entry,
                       const layer::Source& content) {
    RETURN_IF_ERROR(Clear(target));
    UniqueFd fd(
        openat(target.fd(), target.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) return ErrnoStatus(errno, "create");
    if (content) {
      buffer_.resize(256 << 10);
      while (true) {
        ASSIGN_OR_RETURN(const size_t count, content(buffer_.data(), buffer_.size()));
        if (count == 0) break;
        RETURN_IF_ERROR(WriteAll(fd.get(), std::string_view(buffer_.data(), count)));
      }
    }
    if (fchmod(fd.get(), ModeOfFile(entry)) != 0) return ErrnoStatus(errno, "chmod");
    const timespec times[2] = {{entry.mtime, 0}, {entry.mtime, 0}};
    if (futimens(fd.get(), times) != 0) return ErrnoStatus(errno, "set times");
    if (close(fd.Release()) != 0) return ErrnoStatus(errno, "write");
    return absl::OkStatus();
  }

  absl::Status PutLink(const layer::TarEntry& entry) {
    ASSIGN_OR_RETURN(const FolderEntry known, Locate(entry.link));
    const UniqueFd folder(fcntl(known.fd(), F_DUPFD_CLOEXEC, 0));
    if (!folder.valid()) return ErrnoStatus(errno, "dup");
    ASSIGN_OR_RETURN(const FolderEntry target, Locate(entry.path));
    RETURN_IF_ERROR(Clear(target));
    if (linkat(folder.get(), known.name.c_str(), target.fd(), target.name.c_str(), 0) != 0) {
      return ErrnoStatus(errno, "hard link to " + layer::Printable(entry.link));
    }
    return absl::OkStatus();
  }

  absl::Status PutEntry(const layer::TarEntry& entry, const layer::Source& content) {
    if (entry.type == layer::EntryType::kHardLink)
      return left_out_.contains(entry.link) ? absl::OkStatus() : PutLink(entry);
    if (entry.type == layer::EntryType::kCharDevice || entry.type == layer::EntryType::kBlockDevice) {
      if (devices_++ == 0) first_device_ = entry.path;
      left_out_.insert(entry.path);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const FolderEntry target, Locate(entry.path));
    if (entry.type == layer::EntryType::kDirectory) return PutFolder(target, entry);
    if (entry.type == layer::EntryType::kFile) return PutFile(target, entry, content);
    RETURN_IF_ERROR(Clear(target));
    const char* name = target.name.c_str();
    if (entry.type == layer::EntryType::kSymlink) {
      if (symlinkat(entry.link.c_str(), target.fd(), name) != 0) return ErrnoStatus(errno, "symlink");
    } else if (mkfifoat(target.fd(), name, 0600) != 0 || fchmodat(target.fd(), name, entry.mode, 0) != 0) {
      return ErrnoStatus(errno, "make a fifo");
    }
    return SetTime(target, entry.mtime);
  }

  struct Folder {
    std::string path;
    uint32_t mode;
    int64_t mtime;
  };
  const UniqueFd root_;
  UniqueFd open_;
  std::string open_path_;
  std::vector<Folder> folders_;
  std::string buffer_;
  std::set<std::string> left_out_;
  int devices_ = 0;
  std::string first_device_;
  int privileged_ = 0;
  std::string first_privileged_;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> WriteLocalTree(const oci::Flattener& tree,
                                                        const std::string& folder) {
  ASSIGN_OR_RETURN(UniqueFd root, OpenFile(folder, O_RDONLY | O_DIRECTORY));
  LocalTree local(std::move(root));
  RETURN_IF_ERROR(tree.Visit(
      [&](const layer::TarEntry& entry, const layer::Source& content) { return local.Put(entry, content); }));
  RETURN_IF_ERROR(local.Finish());
  return local.TakeNotes();
}

}  // namespace crossmill::cli
