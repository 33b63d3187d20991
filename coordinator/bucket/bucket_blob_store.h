// Blobs beyond one disk: new ones are written to the disk, where they are durable as ever, and copied to a
// bucket behind it; what is not on disk is read from the bucket, through the disk. So the disk can be smaller
// than what a farm keeps (docs/operations.md, "A bucket behind the disk").
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/blobs/disk_blob_store.h"
#include "common/bucket/bucket.h"
#include "coordinator/storage/bucket/bucket_index.h"

namespace crossmill::coordinator {

struct BucketStoreOptions {
  // Of the index: "DATA/bucket.db".
  std::string index_file;
  // How it is reached, for who reads the data folder without this process; noted in the index.
  storage::BucketIndex::Client client;
  // Whose the bucket's objects are: the farm's identity. Another farm's are never written or removed.
  std::string owner;
  int upload_threads = 4;
  // The most that blobs take on the disk before those that are in the bucket leave it; 0: no bound.
  int64_t disk_bytes = 0;
  // What else should leave the disk, for want of room; may be empty.
  std::function<int64_t()> wanted_room;
  // What was used so recently stays on disk.
  absl::Duration grace = absl::Seconds(2);
  // Between two looks at disk and bucket, and after a failure (doubled each time, up to a minute).
  absl::Duration interval = absl::Seconds(1);
  absl::Duration listing_interval = absl::Hours(24);
  // Where one object is gone, others are: the bucket is listed again, but not sooner than so long after the
  // last time.
  absl::Duration relisting_interval = absl::Seconds(10);
};

struct BucketStatus {
  std::string name;
  // Known to be in the bucket.
  int64_t blobs = 0;
  int64_t bytes = 0;
  // On disk and not yet there.
  int64_t waiting_blobs = 0;
  int64_t waiting_bytes = 0;
  bool more_waiting = false;
  // What keeps the bucket from being used, and since when; empty: nothing.
  std::string trouble;
  absl::Time trouble_since;
  // Since the start.
  int64_t uploaded_blobs = 0;
  int64_t fetched_blobs = 0;
  int64_t left_disk_blobs = 0;
  // Blobs that the bucket was believed to have and had not, or had with other bytes.
  int64_t lost_blobs = 0;
};

// Thread safe. The references outlive it.
//
// FindMissing answers from the disk and an index of the bucket. What the bucket has lost is found out when it
// is read: NOT_FOUND (or DATA_LOSS for other bytes), and the blob is missing from then on. While the bucket
// cannot be asked, reading what only it has is UNAVAILABLE; nothing else fails.
class BucketBlobStore : public BlobStore {
 public:
  // `cache` is where blobs that are read from the bucket are written: the disk, perhaps behind a check for
  // room. One that refuses with RESOURCE_EXHAUSTED is done without. FAILED_PRECONDITION: the bucket is
  // another farm's. A bucket that cannot be reached is not an error.
  static absl::StatusOr<std::unique_ptr<BucketBlobStore>> Start(DiskBlobStore& disk, BlobStore& cache,
                                                                bucket::Bucket& bucket, Clock& clock,
                                                                BucketStoreOptions options);
  // Uploads that run are given up; they are found again after the next start.
  virtual void Stop() = 0;

  virtual BucketStatus status() = 0;

  // A URL by which the blob can be read for `life` by whoever has it, without this process. NOT_FOUND: it is
  // not known to be in the bucket.
  virtual absl::StatusOr<std::string> UrlOf(const Digest& digest, absl::Duration life) = 0;

  // ---- for who keeps the disk and the bucket small (coordinator/retention) ----

  // Removes blobs from the disk until so many bytes are free, the longest unused first: only those that the
  // bucket confirms to have, and no part of a blob that it has not. Returns the bytes freed.
  virtual absl::StatusOr<int64_t> LeaveDisk(int64_t bytes, const std::stop_token& stop) = 0;
  // What blobs may take on the disk before those in the bucket leave it by themselves; the smaller of this
  // and BucketStoreOptions::disk_bytes counts. 0: no bound.
  virtual void SetDiskBudget(int64_t bytes) = 0;
  // It is in the bucket, as far as is known: it may leave the disk once LeaveDisk has asked the bucket.
  virtual absl::StatusOr<bool> IsInBucket(const Digest& digest) = 0;
  // When it was used, as far as the bucket's own index knows (Unix nanoseconds); nothing: it is not there.
  virtual absl::StatusOr<std::optional<int64_t>> UsedAt(const BlobName& name) = 0;
  // Of a 256th of the bucket what is in it: sizes as those of the blobs, uses that are not on the disk alone.
  virtual absl::StatusOr<std::vector<BlobUse>> InBucket(int shard) = 0;
  // A blob of the bucket, past the disk and without that counting as a use. Nothing: it is not there, is
  // larger than `most`, or has other bytes. UNAVAILABLE: the bucket does not answer.
  virtual absl::StatusOr<std::optional<std::string>> Peek(const std::string& hash, int64_t most,
                                                          const std::stop_token& stop) = 0;
  // Nothing needs it any more. Not on disk: the caller removes it there first. False: it was used at `before`
  // (Unix nanoseconds) or later, a URL of it still holds, or it is not there. UNAVAILABLE: the bucket is not
  // known to be this farm's, or does not answer; it is in the bucket then or not, and found by a listing.
  virtual absl::StatusOr<bool> RemoveFromBucket(const BlobName& name, int64_t before,
                                                const std::stop_token& stop) = 0;
};

}  // namespace crossmill::coordinator
