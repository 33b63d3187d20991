#include "worker/tree/file_metadata.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <sstream>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "worker/tree/long_path.h"

namespace crossmill::worker {
namespace {

// The size-then-fetch dance of listxattr and getxattr; the buffer grows if the value grew in between.
template <typename Call>
absl::StatusOr<std::string> FetchBytes(std::string_view what, Call call) {
  std::string buffer(256, '\0');
  while (true) {
    const ssize_t size = call(buffer.data(), buffer.size());
    if (size >= 0) {
      buffer.resize(static_cast<size_t>(size));
      return buffer;
    }
    if (errno == ENOTSUP || errno == ENODATA) return std::string();
    if (errno != ERANGE) return ErrnoStatus(errno, what);
    buffer.resize(buffer.size() * 8);
  }
}

std::vector<std::string> SplitNames(const std::string& list) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin < list.size();) {
    names.emplace_back(list.c_str() + begin);
    begin += names.back().size() + 1;
  }
  return names;
}

absl::Status ReadXattrs(const std::string& file, FoundFile* found) {
  ASSIGN_OR_RETURN(const std::string list, FetchBytes(file, [&](char* buffer, size_t size) {
                     return llistxattr(file.c_str(), buffer, size);
                   }));
  for (const std::string& name : SplitNames(list)) {
    if (name.starts_with(kOverlayPrefix)) {
      found->has_overlay_xattrs = true;
      if (name != kOpaqueXattr) continue;
    } else if (!IsLayerXattr(name)) {
      continue;
    }
    ASSIGN_OR_RETURN(std::string value, FetchBytes(file, [&](char* buffer, size_t size) {
                       return lgetxattr(file.c_str(), name.c_str(), buffer, size);
                     }));
    if (name == kOpaqueXattr) {
      found->opaque = value == "y";
      continue;
    }
    if (name == "security.capability") value = CanonicalCapability(value);
    found->entry.xattrs[name] = std::move(value);
  }
  return absl::OkStatus();
}

absl::Status ReadTarget(const std::string& file, layer::TarEntry* entry) {
  char target[PATH_MAX];
  const ssize_t size = readlink(file.c_str(), target, sizeof(target));
  if (size < 0) return ErrnoStatus(errno, file);
  entry->link.assign(target, static_cast<size_t>(size));
  entry->mode = 0777;
  return absl::OkStatus();
}

}  // namespace

bool IsLayerXattr(std::string_view name) {
  if (name.starts_with("user.")) return !name.starts_with(kOverlayPrefix);
  return name == "security.capability" || name == "system.posix_acl_access" ||
         name == "system.posix_acl_default";
}

std::string CanonicalCapability(std::string_view value) {
  // struct vfs_ns_cap_data: le32 magic (revision in the top byte), four le32 of sets, le32 root id.
  constexpr size_t kVersion2 = 20;
  constexpr size_t kVersion3 = 24;
  if (value.size() != kVersion3 || value[3] != 3) return std::string(value);
  if (value.substr(kVersion2) != std::string_view("\0\0\0\0", 4)) return std::string(value);
  std::string version2(value.substr(0, kVersion2));
  version2[3] = 2;
  return version2;
}

absl::StatusOr<std::optional<FoundFile>> InspectFile(const std::string& whole, std::string path) {
  const ReachablePath reachable(whole);
  const std::string& file = reachable.text();
  struct stat info;
  if (lstat(file.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<FoundFile>();
    return ErrnoStatus(errno, whole);
  }
  FoundFile found;
  layer::TarEntry& entry = found.entry;
  entry.path = std::move(path);
  entry.mode = info.st_mode & 07777;
  entry.uid = info.st_uid;
  entry.gid = info.st_gid;
  entry.mtime = info.st_mtim.tv_sec;
  found.fraction = info.st_mtim.tv_nsec;
  found.inode = info.st_ino;
  found.links = info.st_nlink;
  switch (info.st_mode & S_IFMT) {
    case S_IFREG:
      entry.type = layer::EntryType::kFile;
      entry.size = info.st_size;
      RETURN_IF_ERROR(ReadXattrs(file, &found));
      break;
    case S_IFDIR:
      entry.type = layer::EntryType::kDirectory;
      RETURN_IF_ERROR(ReadXattrs(file, &found));
      break;
    case S_IFLNK:
      entry.type = layer::EntryType::kSymlink;
      RETURN_IF_ERROR(ReadTarget(file, &entry));
      break;
    case S_IFIFO:
      entry.type = layer::EntryType::kFifo;
      break;
    case S_IFCHR:
      found.kind = info.st_rdev == makedev(0, 0) ? FileKind::kWhiteout : FileKind::kDevice;
      break;
    case S_IFBLK:
      found.kind = FileKind::kDevice;
      break;
    default:
      found.kind = FileKind::kSocket;
  }
  return std::optional<FoundFile>(std::move(found));
}

absl::Status SetMtime(const std::string& file, int64_t seconds) {
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  if (utimensat(AT_FDCWD, ReachablePath(file).c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return ErrnoStatus(errno, file);
  return absl::OkStatus();
}

absl::Status SetXattrs(int fd, const std::map<std::string, std::string>& xattrs, std::string_view path) {
  ASSIGN_OR_RETURN(const std::string list,
                   FetchBytes(path, [&](char* buffer, size_t size) { return flistxattr(fd, buffer, size); }));
  for (const std::string& name : SplitNames(list)) {
    if (IsLayerXattr(name) && !xattrs.contains(name) && fremovexattr(fd, name.c_str()) != 0 &&
        errno != ENODATA) {
      return ErrnoStatus(errno, fmt::format("{}: removing {}", path, name));
    }
  }
  for (const auto& [name, value] : xattrs) {
    if (!IsLayerXattr(name)) continue;
    if (fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0) {
      return ErrnoStatus(errno, fmt::format("{}: setting attribute {}", path, name));
    }
  }
  return absl::OkStatus();
}

absl::Status RemoveOverlayXattrs(const std::string& whole) {
  const ReachablePath reachable(whole);
  const std::string& file = reachable.text();
  ASSIGN_OR_RETURN(const std::string list, FetchBytes(file, [&](char* buffer, size_t size) {
                     return llistxattr(file.c_str(), buffer, size);
                   }));
  for (const std::string& name : SplitNames(list)) {
    if (name.starts_with(kOverlayPrefix) && lremovexattr(file.c_str(), name.c_str()) != 0 &&
        errno != ENODATA) {
      return ErrnoStatus(errno, fmt::format("{}: removing {}", file, name));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<IdMap::Ranges> IdMap::Parse(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  Ranges ranges;
  std::istringstream stream(text);
  uint64_t inside, outside, count;
  while (stream >> inside >> outside >> count) ranges[static_cast<uint32_t>(inside)] = count;
  return ranges;
}

absl::StatusOr<IdMap> IdMap::OfThisProcess() {
  IdMap map;
  ASSIGN_OR_RETURN(map.users_, Parse("/proc/self/uid_map"));
  ASSIGN_OR_RETURN(map.groups_, Parse("/proc/self/gid_map"));
  return map;
}

bool IdMap::Contains(const Ranges& ranges, uint32_t id) {
  auto next = ranges.upper_bound(id);
  if (next == ranges.begin()) return false;
  --next;
  return id - next->first < next->second;
}

std::string IdMap::Limits() const {
  // A worker maps its ids without gaps from 0 on.
  const auto end = [](const Ranges& ranges) {
    return ranges.empty() ? 0 : ranges.rbegin()->first + ranges.rbegin()->second;
  };
  const uint64_t count = std::min(end(users_), end(groups_));
  constexpr uint64_t kUsual = 1 << 16;
  return fmt::format("the worker's user namespace has only the ids 0..{}{}", count == 0 ? 0 : count - 1,
                     count > kUsual ? "" : " (scripts/setup-host gives it more)");
}

absl::Status IdMap::Check(uint32_t uid, uint32_t gid, std::string_view path) const {
  if (Contains(users_, uid) && Contains(groups_, gid)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} belongs to {}:{}, and {}", layer::Printable(path), uid, gid, Limits()));
}

absl::Status IdMap::CheckRunner(uint32_t uid, uint32_t gid, absl::Span<const uint32_t> groups) const {
  // runc takes no higher ones, so no step gets them: a result must not depend on the runtime.
  constexpr uint32_t kHighest = 2147483647;
  if (uid > kHighest || gid > kHighest) {
    return absl::InvalidArgumentError(
        fmt::format("the step runs as {}:{}, and programs can have only the ids 0..{}", uid, gid, kHighest));
  }
  if (!Contains(users_, uid) || !Contains(groups_, gid)) {
    return absl::InvalidArgumentError(fmt::format("the step runs as {}:{}, and {}", uid, gid, Limits()));
  }
  for (const uint32_t group : groups) {
    if (Contains(groups_, group)) continue;
    return absl::InvalidArgumentError(
        fmt::format("the step's user {} is in group {} (/etc/group), and {}", uid, group, Limits()));
  }
  return absl::OkStatus();
}

}  // namespace crossmill::worker
