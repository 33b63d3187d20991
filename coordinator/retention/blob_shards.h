// Tables by the name of a blob in 256 parts, as the blob store has folders. One of a million entries grows by
// copying all of them at once; its parts do so a few thousand at a time.
#pragma once

#include <array>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/blobs/blob_name.h"

namespace crossmill::coordinator {

// Not thread safe.
template <typename Table>
class BlobShards {
 public:
  Table& Of(const BlobName& name) { return tables_[name.bytes[0]]; }
  const Table& Of(const BlobName& name) const { return tables_[name.bytes[0]]; }
  size_t size() const {
    size_t size = 0;
    for (const Table& table : tables_) size += table.size();
    return size;
  }

 private:
  std::array<Table, 256> tables_;
};

template <typename Value>
using BlobMap = BlobShards<absl::flat_hash_map<BlobName, Value>>;

// Not thread safe.
class BlobNames {
 public:
  void Add(const BlobName& name) { names_.Of(name).insert(name); }
  bool Contains(const BlobName& name) const { return names_.Of(name).contains(name); }

 private:
  BlobShards<absl::flat_hash_set<BlobName>> names_;
};

}  // namespace crossmill::coordinator
