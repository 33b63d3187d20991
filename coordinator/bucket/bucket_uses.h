// When blobs of the bucket were used since that was last written to its index, and which are being removed:
// the rule of common/blobs/blob_uses for what is not on the disk. Whoever says that a blob is there notes the
// use first and looks afterwards; whoever removes one announces it first, which is refused if it was used
// since.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/base/mutex.h"
#include "common/blobs/blob_name.h"

namespace crossmill::coordinator {

// Thread safe; no I/O.
class BucketUses {
 public:
  // It is used then (Unix nanoseconds; later than now: until then it is). Waits while it is being removed.
  void Touch(const BlobName& name, int64_t used_at);
  // 0: not since it was written down.
  int64_t UsedAt(const BlobName& name) const;

  // False: it was used at `before` or later (`written`: as the index has it). After true: EndRemoval.
  bool BeginRemoval(const BlobName& name, int64_t written, int64_t before);
  void EndRemoval(const BlobName& name);

  // All that is noted. They stay until they are Written: nobody takes them for unused in between.
  std::vector<std::pair<BlobName, int64_t>> Unwritten() const;
  void Written(const std::vector<std::pair<BlobName, int64_t>>& uses);

 private:
  mutable Mutex mutex_;
  CondVar removed_;
  absl::flat_hash_map<BlobName, int64_t> used_at_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<BlobName> being_removed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
