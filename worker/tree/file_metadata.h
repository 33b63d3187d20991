// Metadata of files on disk in the words of a layer: which extended attributes belong to a layer, what a
// whiteout is, and the way back onto the disk.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/layer/tar_entry.h"

namespace crossmill::worker {

// overlayfs keeps its own notes in attributes with this prefix (mount option userxattr).
constexpr std::string_view kOverlayPrefix = "user.overlay.";
constexpr std::string_view kOpaqueXattr = "user.overlay.opaque";

// True for attributes that are part of a layer: user.* (overlay's own apart), POSIX ACLs and file
// capabilities. security.selinux and the like are the host's, trusted.* only real root sees.
bool IsLayerXattr(std::string_view name);

// security.capability in the form in which a layer holds it: the one without a root id, if the root it
// names is the root of the user namespace.
std::string CanonicalCapability(std::string_view value);

enum class FileKind { kEntry, kWhiteout, kSocket, kDevice };

// A file as it lies on disk.
struct FoundFile {
  FileKind kind = FileKind::kEntry;
  // Path as given; the mtime in whole seconds, not clamped. Never a kHardLink: that is for the caller.
  layer::TarEntry entry;
  bool opaque = false;
  bool has_overlay_xattrs = false;
  // Of the mtime, in nanoseconds.
  int64_t fraction = 0;
  uint64_t inode = 0;
  uint64_t links = 1;
};

// Looks at `file` without following links; nullopt if there is nothing. `path` becomes entry.path.
absl::StatusOr<std::optional<FoundFile>> InspectFile(const std::string& file, std::string path);

// mtime in whole seconds, atime the same; links are not followed.
absl::Status SetMtime(const std::string& file, int64_t seconds);
// The attributes of an open file or folder, exactly: what a layer may hold and `xattrs` does not is removed.
absl::Status SetXattrs(int fd, const std::map<std::string, std::string>& xattrs, std::string_view path);
absl::Status RemoveOverlayXattrs(const std::string& file);

// The ids that exist here: the map of this process's user namespace. An owner without an id is the recipe's
// fault (or its base's): another worker of the farm would have no id for it either.
class IdMap {
 public:
  // From /proc/self/uid_map and gid_map.
  static absl::StatusOr<IdMap> OfThisProcess();
  // INVALID_ARGUMENT names path and owner.
  absl::Status Check(uint32_t uid, uint32_t gid, std::string_view path) const;
  // The same for whom a program runs as.
  absl::Status CheckRunner(uint32_t uid, uint32_t gid, absl::Span<const uint32_t> groups) const;

 private:
  // First id to count.
  using Ranges = std::map<uint32_t, uint64_t>;
  static absl::StatusOr<Ranges> Parse(const std::string& file);
  static bool Contains(const Ranges& ranges, uint32_t id);
  // "the worker's user namespace has only the ids 0..65535" and what to do about it.
  std::string Limits() const;

  Ranges users_;
  Ranges groups_;
};

}  // namespace crossmill::worker
