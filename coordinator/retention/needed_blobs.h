// Which blobs are needed, and by what: what a sweep may not take, and what `crossmill df` tells.
#pragma once

#include <optional>

#include "absl/types/span.h"
#include "common/blobs/blob_name.h"
#include "coordinator/retention/blob_shards.h"
#include "coordinator/storage/needs/record_references.h"

namespace crossmill::coordinator {

// Not thread safe.
class NeededBlobs {
 public:
  void Add(const BlobName& name, storage::NeededBy by);
  // What a blob that is kept in parts consists of is needed as the blob is; as it is without a keeper, not at
  // all.
  void AddParts(const BlobName& name, absl::Span<const BlobName> parts);
  std::optional<storage::NeededBy> Find(const BlobName& name) const;
  bool Contains(const BlobName& name) const { return keepers_.Of(name).contains(name); }
  size_t size() const { return keepers_.size(); }

 private:
  BlobMap<storage::NeededBy> keepers_;
};

}  // namespace crossmill::coordinator
