#include "common/layer/content_places.h"

#include "common/layer/canonical_tar.h"
#include "common/layer/ustar.h"

namespace crossmill::layer {
namespace {

// CanonicalTarWriter::Finish.
constexpr int64_t kEndBytes = 2 * ustar::kBlock;

}  // namespace

ContentPlaces::ContentPlaces(const LayerManifest& manifest) {
  int64_t offset = 0;
  for (const ManifestEntry& each : manifest.entries) {
    TarEntry entry = each.entry;
    entry.path = TarPath(each);
    if (each.whiteout) entry.type = EntryType::kFile;
    offset += HeaderBytes(entry);
    if (each.entry.type == EntryType::kHardLink) {
      const auto target = places_.find(entry.link);
      if (target != places_.end()) places_.emplace(entry.path, ContentPlace(target->second));
      continue;
    }
    if (each.whiteout || entry.type != EntryType::kFile) continue;
    places_.emplace(entry.path, ContentPlace{offset, entry.size, each.sha256});
    offset += PaddedBytes(entry.size);
  }
  tar_bytes_ = offset + kEndBytes;
}

std::optional<ContentPlace> ContentPlaces::Find(std::string_view path) const {
  const auto found = places_.find(path);
  return found == places_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace crossmill::layer
