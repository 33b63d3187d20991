#include "coordinator/retention/needed_blobs.h"

#include <algorithm>

namespace crossmill::coordinator {

void NeededBlobs::Add(const BlobName& name, storage::NeededBy by) {
  const auto [place, is_new] = keepers_.Of(name).try_emplace(name, by);
  if (!is_new) place->second = std::min(place->second, by);
}

void NeededBlobs::AddParts(const BlobName& name, absl::Span<const BlobName> parts) {
  const std::optional<storage::NeededBy> keeper = Find(name);
  if (!keeper) return;
  for (const BlobName& part : parts) Add(part, *keeper);
}

std::optional<storage::NeededBy> NeededBlobs::Find(const BlobName& name) const {
  const auto& keepers = keepers_.Of(name);
  const auto found = keepers.find(name);
  return found == keepers.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace crossmill::coordinator
