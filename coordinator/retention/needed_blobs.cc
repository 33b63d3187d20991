#include "coordinator/retention/needed_blobs.h"

#include <algorithm>

namespace crossmill::coordinator {

std::string_view Words(Keeper keeper) {
  switch (keeper) {
    case Keeper::kRunningBuild:
      return "running builds";
    case Keeper::kImage:
      return "images";
    case Keeper::kPinnedBuild:
      return "pinned builds";
    case Keeper::kWheel:
      return "farm wheels";
  }
  return "";
}

void NeededBlobs::Add(const BlobName& name, Keeper keeper) {
  const auto [place, is_new] = keepers_.try_emplace(name, keeper);
  if (!is_new) place->second = std::min(place->second, keeper);
}

void NeededBlobs::AddParts(const BlobName& name, absl::Span<const BlobName> parts) {
  const std::optional<Keeper> keeper = Find(name);
  if (!keeper) return;
  for (const BlobName& part : parts) Add(part, *keeper);
}

std::optional<Keeper> NeededBlobs::Find(const BlobName& name) const {
  const auto found = keepers_.find(name);
  return found == keepers_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace crossmill::coordinator
