// Which blobs leave the disk for the bucket.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "common/blobs/disk_blob_store.h"
#include "common/bucket/bucket.h"
#include "coordinator/bucket/bucket_uses.h"
#include "coordinator/bucket/noted_uses.h"
#include "coordinator/storage/bucket/bucket_index.h"

namespace crossmill::coordinator {

struct DiskLeave {
  DiskBlobStore& disk;
  bucket::Bucket& bucket;
  storage::BucketIndex& index;
  BucketUses& uses;
  NotedUses& noted;
};

struct LeftDisk {
  int64_t blobs = 0;
  int64_t bytes = 0;
  // The index had them, the bucket not: they are forgotten there, and to be copied again.
  std::vector<Digest> lost;
};

// Of blobs that were last used before `before` (Unix nanoseconds) the longest unused, small ones only
// where there are not large ones enough, until
// `bytes` of disk are free. Each is looked for in the bucket first; what it has lost is forgotten and stays.
// Parts of a blob that is not in the bucket stay, since it would be lost with them.
absl::StatusOr<LeftDisk> LeaveTheDisk(const DiskLeave& leave, int64_t bytes, int64_t before,
                                      const std::stop_token& stop);

}  // namespace crossmill::coordinator
