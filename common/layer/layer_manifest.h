// A layer's manifest: its entries with metadata and content digests, as canonical text.
//
//   crossmill-manifest 1
//   TYPE MODE UID GID SIZE MTIME SHA256 PATH[ -> LINK][ dev MAJOR MINOR][ xattr NAME=BASE64...]
//
// One line per entry in tar order, each ended by a line feed, fields separated by one space. TYPE is f
// (file), d, l (symlink), h (hard link), c, b, p (fifo) or w (whiteout: PATH is what the layer removes).
// MODE has four octal digits, numbers are decimal without leading zeros, SHA256 is "-" except for
// files. In PATH, LINK and NAME every byte outside 0x21..0x7e and the backslash is written \xHH (lower
// case). LINK follows for l and h, dev for c and b, xattr where there are any, sorted bytewise by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/layer/tar_entry.h"

namespace crossmill::layer {

struct ManifestEntry {
  // For a whiteout: the path that is removed (not the ".wh." name), mtime, and nothing else.
  TarEntry entry;
  // Of the content, 64 hex digits; empty unless it is a file.
  std::string sha256;
  bool whiteout = false;

  bool operator==(const ManifestEntry&) const = default;
};

// The name under which a layer's tar holds the removal of `path`: "a/b" -> "a/.wh.b".
std::string WhiteoutPath(std::string_view path);
// The path under which the tar holds the entry, which is what it is sorted by.
std::string TarPath(const ManifestEntry& entry);

struct LayerManifest {
  // In tar order.
  std::vector<ManifestEntry> entries;

  std::string Serialize() const;
  // The inverse of Serialize and nothing more: INVALID_ARGUMENT, with the line's number, for any other
  // text (also for wrong order, or a hard link that does not follow its target).
  static absl::StatusOr<LayerManifest> Parse(std::string_view text);

  // Sum of the sizes of files, in bytes.
  int64_t ContentBytes() const;
  bool operator==(const LayerManifest&) const = default;
};

// What a manifest begins with, and the line of one entry, each with its line feed.
inline constexpr std::string_view kManifestHeader = "crossmill-manifest 1\n";
void AppendManifestLine(const ManifestEntry& entry, std::string* text);

// INVALID_ARGUMENT unless `entry` may follow `before` in one layer: after them in order, no name that
// begins with ".wh.", a hard link's target before it, not a directory and with its metadata.
absl::Status CheckFollows(const std::vector<ManifestEntry>& before, const ManifestEntry& entry);

}  // namespace crossmill::layer
