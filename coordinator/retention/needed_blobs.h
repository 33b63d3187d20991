// Which blobs are needed, and by what: what a sweep may not take, and what `crossmill df` tells.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "common/blobs/blob_name.h"

namespace crossmill::coordinator {

// What a blob is kept for. Who needs it first in this order has it.
enum class Keeper : uint8_t { kRunningBuild, kImage, kPinnedBuild, kWheel };
inline constexpr int kKeepers = 4;
// "images", "running builds", ...
std::string_view Words(Keeper keeper);

// Not thread safe.
class NeededBlobs {
 public:
  void Add(const BlobName& name, Keeper keeper);
  // What a blob that is kept in parts consists of is needed as the blob is; as it is without a keeper, not at
  // all.
  void AddParts(const BlobName& name, absl::Span<const BlobName> parts);
  std::optional<Keeper> Find(const BlobName& name) const;
  bool Contains(const BlobName& name) const { return keepers_.contains(name); }
  size_t size() const { return keepers_.size(); }

 private:
  absl::flat_hash_map<BlobName, Keeper> keepers_;
};

}  // namespace crossmill::coordinator
