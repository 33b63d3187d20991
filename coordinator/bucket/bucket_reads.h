// Blobs that are in the bucket and not on disk: fetched once however many ask, checked, and what the bucket
// has lost is noticed.
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/keyed_lock.h"
#include "common/bucket/bucket.h"
#include "coordinator/storage/bucket/bucket_index.h"

namespace crossmill::coordinator {

// Thread safe.
class BucketReads {
 public:
  BucketReads(BlobStore& disk, BlobStore& cache, bucket::Bucket& bucket, storage::BucketIndex& index,
              std::stop_token stop)
      : disk_(disk), cache_(cache), bucket_(bucket), index_(index), stop_(std::move(stop)) {}

  // `absent` is what the disk said. The reader is of the disk, or, where that has no room, of the bucket
  // itself.
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset,
                                                   const absl::Status& absent);
  // Objects with other bytes are removed: false until the bucket is known to be this farm's.
  void MayRemove(bool may) { may_remove_ = may; }

  // Found by somebody else.
  void NoteLost() { ++lost_; }

  int64_t fetched() const { return fetched_; }
  int64_t lost() const { return lost_; }

 private:
  class DirectReader;

  // To the disk. RESOURCE_EXHAUSTED: it has no room.
  absl::Status Fetch(const Digest& digest);
  absl::Status FetchOnce(const Digest& digest);
  // The bucket does not have it, or not its bytes.
  absl::Status Lost(const Digest& digest, const absl::Status& how);
  // What the bucket said, for who reads a blob.
  absl::Status ForReader(const Digest& digest, const absl::Status& status);

  BlobStore& disk_;
  BlobStore& cache_;
  bucket::Bucket& bucket_;
  storage::BucketIndex& index_;
  const std::stop_token stop_;
  KeyedLock fetching_;
  std::atomic<bool> may_remove_ = false;
  std::atomic<int64_t> fetched_ = 0;
  std::atomic<int64_t> lost_ = 0;
};

}  // namespace crossmill::coordinator
