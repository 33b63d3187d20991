// One entry of a tar as layers, exports and base images hold it, and the rules for its path.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace crossmill::layer {

enum class EntryType { kFile, kDirectory, kSymlink, kHardLink, kCharDevice, kBlockDevice, kFifo };

// "file", "directory", "symlink", "hard link", "character device", "block device", "fifo".
std::string_view EntryTypeName(EntryType type);

struct TarEntry {
  // Components separated by single slashes; no leading or trailing slash, no "." and "..", never
  // empty: the root itself is not an entry. Any bytes but NUL, so not necessarily UTF-8.
  std::string path;
  EntryType type = EntryType::kFile;
  // Permission bits with setuid, setgid and sticky: at most 07777.
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  // Bytes of content; 0 unless it is a file.
  int64_t size = 0;
  // Seconds since 1970.
  int64_t mtime = 0;
  // Target of a symlink, as it stands; of a hard link, a path of the same tar.
  std::string link;
  // By full name ("security.capability"), values as bytes.
  std::map<std::string, std::string> xattrs;
  uint32_t dev_major = 0;
  uint32_t dev_minor = 0;

  bool operator==(const TarEntry&) const = default;
};

// The order of entries in a canonical tar: paths compared component by component, each bytewise
// (unsigned). So a directory comes before what is in it, and that before the directory's next
// sibling: "a", "a/b", "a-b". The same as comparing whole paths with '/' as the smallest byte.
int ComparePaths(std::string_view first, std::string_view second);
struct PathLess {
  using is_transparent = void;
  bool operator()(std::string_view first, std::string_view second) const {
    return ComparePaths(first, second) < 0;
  }
};

// True if `path` is below `folder` (not if they are equal).
bool IsBelow(std::string_view path, std::string_view folder);

// INVALID_ARGUMENT unless the path has the form that TarEntry::path demands.
absl::Status CheckPath(std::string_view path);

// INVALID_ARGUMENT, naming the path, unless the entry has the form that a canonical tar demands (see
// CanonicalTarWriter::Add); says nothing of its place among others.
absl::Status CheckEntry(const TarEntry& entry);

// INVALID_ARGUMENT: what the entry is, its path, and `why`.
absl::Status RefuseEntry(const TarEntry& entry, std::string_view why);

// The path for messages: bytes that do not print are shown as \xHH.
std::string Printable(std::string_view path);

// The mtime that a layer records: seconds before 1970 become 0 (a ustar header cannot hold them, and
// nothing reproducible hangs on them), later ones than `clamp_time` become that.
int64_t ClampTime(int64_t mtime, int64_t clamp_time);

}  // namespace crossmill::layer
