#include "worker/tree/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "common/base/status.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

constexpr size_t kWriteChunk = 1 << 18;

absl::Status Failed(std::string_view path, std::string_view what) {
  return ErrnoStatus(errno, fmt::format("/{}: {}", layer::Printable(path), what));
}

// Owner before mode (chown clears setuid), attributes after both (chown clears capabilities).
absl::Status ApplyMetadata(int fd, const layer::TarEntry& entry) {
  if (fchown(fd, entry.uid, entry.gid) != 0) {
    return Failed(entry.path, fmt::format("setting owner {}:{}", entry.uid, entry.gid));
  }
  if (fchmod(fd, entry.mode) != 0) return Failed(entry.path, "setting the mode");
  return SetXattrs(fd, entry.xattrs, layer::Printable(entry.path));
}

}  // namespace

std::string_view BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

std::string_view FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "" : path.substr(0, slash);
}

absl::StatusOr<int> TreeWriter::OpenParent(std::string_view path) {
  const std::string_view folder = FolderOf(path);
  if (parent_.valid() && parent_path_ == folder) return parent_.get();
  parent_.Reset();
  if (options_.unpack) {
    ASSIGN_OR_RETURN(const std::string resolved, ResolveInRoot(root_, folder));
    if (options_.archive && resolved != folder) RETURN_IF_ERROR(CheckLeadsSomewhere(folder));
    std::vector<std::string> made;
    ASSIGN_OR_RETURN(parent_, MakeFoldersBelow(root_, resolved, {}, &made));
    // Who leaves out a folder's entry says nothing about its time.
    for (std::string& name : made) folder_times_.emplace(std::move(name), 0);
  } else {
    ASSIGN_OR_RETURN(parent_, OpenBelow(root_, folder, O_RDONLY | O_DIRECTORY));
  }
  parent_path_ = std::string(folder);
  return parent_.get();
}

absl::Status TreeWriter::CheckLeadsSomewhere(std::string_view folder) const {
  for (size_t end = folder.find('/');; end = folder.find('/', end + 1)) {
    const std::string_view part = folder.substr(0, end);
    ASSIGN_OR_RETURN(const std::string target, ResolveInRoot(root_, part));
    if (!OpenBelow(root_, target, O_PATH).ok()) {
      ASSIGN_OR_RETURN(const std::string link, ResolveParentInRoot(root_, part));
      if (!OpenBelow(root_, link, O_PATH).ok()) return absl::OkStatus();
      return absl::InvalidArgumentError(
          fmt::format("/{} is a link that leads to nothing", layer::Printable(part)));
    }
    if (end == part.npos) return absl::OkStatus();
  }
}

absl::Status TreeWriter::Add(const layer::TarEntry& entry, const layer::Source& content) {
  RETURN_IF_ERROR(layer::CheckPath(entry.path));
  ASSIGN_OR_RETURN(const int parent, OpenParent(entry.path));
  if (!folder_times_.contains(parent_path_)) touched_.insert(parent_path_);
  const std::string name(BaseName(entry.path));
  switch (entry.type) {
    case layer::EntryType::kDirectory:
      return AddFolder(parent, name, entry);
    case layer::EntryType::kFile:
      return AddFile(parent, name, entry, content);
    case layer::EntryType::kHardLink:
      return AddHardLink(parent, name, entry);
    case layer::EntryType::kSymlink:
    case layer::EntryType::kFifo:
      return AddSpecial(parent, name, entry);
    case layer::EntryType::kCharDevice:
    case layer::EntryType::kBlockDevice:
      break;
  }
  return absl::InvalidArgumentError(fmt::format("/{} is a device", layer::Printable(entry.path)));
}

absl::Status TreeWriter::Clear(int parent, const std::string& name, const layer::TarEntry& entry) {
  if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return absl::OkStatus();
  if (errno != EISDIR && errno != EPERM) return Failed(entry.path, "replacing what is there");
  if (!options_.unpack && !options_.replace) {
    return absl::InvalidArgumentError(
        fmt::format("cannot replace the directory /{} with a file", layer::Printable(entry.path)));
  }
  return RemoveTree(fmt::format("/proc/self/fd/{}/{}", parent, name));
}

absl::Status TreeWriter::AddFolder(int parent, const std::string& name, const layer::TarEntry& entry) {
  if (mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST) {
    return Failed(entry.path, "making the directory");
  }
  auto fd = OpenBelow(parent, name, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) {
    if (!options_.unpack && !options_.replace) {
      return absl::InvalidArgumentError(fmt::format(
          "cannot copy a directory to /{}, which is not a directory", layer::Printable(entry.path)));
    }
    RETURN_IF_ERROR(Clear(parent, name, entry));
    if (mkdirat(parent, name.c_str(), 0700) != 0) return Failed(entry.path, "making the directory");
    ASSIGN_OR_RETURN(fd, OpenBelow(parent, name, O_RDONLY | O_DIRECTORY));
  }
  folder_times_[entry.path] = entry.mtime;
  return ApplyMetadata(fd->get(), entry);
}

absl::StatusOr<bool> TreeWriter::SetFolderMode(const std::string& path, uint32_t mode) {
  const auto fd = OpenBelow(root_, path, O_RDONLY | O_DIRECTORY);
  if (absl::IsNotFound(fd.status())) return false;
  if (!fd.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("cannot copy a directory to /{}, which is not a directory", layer::Printable(path)));
  }
  if (fchmod(fd->get(), mode) != 0) return Failed(path, "setting the mode");
  return true;
}

absl::Status TreeWriter::AddFile(int parent, const std::string& name, const layer::TarEntry& entry,
                                 const layer::Source& content) {
  RETURN_IF_ERROR(Clear(parent, name, entry));
  const UniqueFd fd(openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return Failed(entry.path, "creating the file");
  buffer_.resize(kWriteChunk);
  int64_t written = 0;
  while (entry.size > 0) {
    ASSIGN_OR_RETURN(const size_t size, content(buffer_.data(), buffer_.size()));
    if (size == 0) break;
    const absl::Status status = WriteAll(fd.get(), std::string_view(buffer_.data(), size));
    if (!status.ok()) return Annotate(status, fmt::format("/{}", layer::Printable(entry.path)));
    written += static_cast<int64_t>(size);
  }
  if (written != entry.size) {
    return absl::DataLossError(
        fmt::format("/{}: {} bytes instead of {}", layer::Printable(entry.path), written, entry.size));
  }
  RETURN_IF_ERROR(ApplyMetadata(fd.get(), entry));
  const timespec times[2] = {{entry.mtime, 0}, {entry.mtime, 0}};
  if (futimens(fd.get(), times) != 0) return Failed(entry.path, "setting the time");
  return absl::OkStatus();
}

absl::Status TreeWriter::AddHardLink(int parent, const std::string& name, const layer::TarEntry& entry) {
  RETURN_IF_ERROR(layer::CheckPath(entry.link));
  std::string target = entry.link;
  if (options_.unpack) {
    ASSIGN_OR_RETURN(target, ResolveParentInRoot(root_, entry.link));
  }
  auto folder = OpenBelow(root_, FolderOf(target), O_RDONLY | O_DIRECTORY);
  struct stat found, existing;
  const std::string base(BaseName(target));
  if (!folder.ok() || fstatat(folder->get(), base.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0 ||
      S_ISDIR(found.st_mode)) {
    return absl::InvalidArgumentError(
        fmt::format("/{} is a hard link to /{}, which is not a file that came before it",
                    layer::Printable(entry.path), layer::Printable(entry.link)));
  }
  // A link to itself, which clearing would lose.
  if (fstatat(parent, name.c_str(), &existing, AT_SYMLINK_NOFOLLOW) == 0 && existing.st_ino == found.st_ino &&
      existing.st_dev == found.st_dev) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Clear(parent, name, entry));
  if (linkat(folder->get(), base.c_str(), parent, name.c_str(), 0) != 0) return Failed(entry.path, "linking");
  if (!options_.archive) return absl::OkStatus();
  if (fchownat(parent, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return Failed(entry.path, fmt::format("setting owner {}:{}", entry.uid, entry.gid));
  }
  if (!S_ISLNK(found.st_mode) && fchmodat(parent, name.c_str(), entry.mode, 0) != 0) {
    return Failed(entry.path, "setting the mode");
  }
  const timespec times[2] = {{entry.mtime, 0}, {entry.mtime, 0}};
  if (utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    return Failed(entry.path, "setting the time");
  }
  return absl::OkStatus();
}

absl::Status TreeWriter::AddSpecial(int parent, const std::string& name, const layer::TarEntry& entry) {
  RETURN_IF_ERROR(Clear(parent, name, entry));
  if (entry.type == layer::EntryType::kSymlink) {
    if (symlinkat(entry.link.c_str(), parent, name.c_str()) != 0)
      return Failed(entry.path, "making the link");
  } else if (mknodat(parent, name.c_str(), S_IFIFO | 0600, 0) != 0) {
    return Failed(entry.path, "making the fifo");
  }
  if (fchownat(parent, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return Failed(entry.path, fmt::format("setting owner {}:{}", entry.uid, entry.gid));
  }
  if (entry.type == layer::EntryType::kFifo && fchmodat(parent, name.c_str(), entry.mode, 0) != 0) {
    return Failed(entry.path, "setting the mode");
  }
  const timespec times[2] = {{entry.mtime, 0}, {entry.mtime, 0}};
  if (utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return Failed(entry.path, "setting the time");
  return absl::OkStatus();
}

absl::Status TreeWriter::Finish() {
  parent_.Reset();
  // Backwards: what is in a folder comes before the folder.
  for (auto it = folder_times_.rbegin(); it != folder_times_.rend(); ++it) {
    std::string path = it->first;
    if (options_.unpack) {
      auto resolved = ResolveParentInRoot(root_, path);
      if (!resolved.ok()) continue;
      path = *std::move(resolved);
    }
    const auto fd = OpenBelow(root_, path, O_RDONLY | O_DIRECTORY);
    if (!fd.ok()) continue;  // Replaced by a later entry.
    const timespec times[2] = {{it->second, 0}, {it->second, 0}};
    if (futimens(fd->get(), times) != 0) return Failed(path, "setting the time");
  }
  folder_times_.clear();
  return absl::OkStatus();
}

}  // namespace crossmill::worker
