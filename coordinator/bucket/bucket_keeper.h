// The threads behind a bucket's blob store: who the bucket belongs to, what it has, uploads, and what leaves
// the disk. All of it may fail for as long as it likes; nobody waits for it.
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/bucket/bucket_blob_store.h"
#include "coordinator/bucket/bucket_reads.h"
#include "coordinator/bucket/bucket_uses.h"
#include "coordinator/bucket/noted_uses.h"
#include "coordinator/bucket/waiting_uploads.h"
#include "coordinator/storage/bucket/bucket_index.h"

namespace crossmill::coordinator {

// Thread safe. What it is given outlives it.
class BucketKeeper {
 public:
  BucketKeeper(DiskBlobStore& disk, bucket::Bucket& bucket, storage::BucketIndex& index, BucketReads& reads,
               WaitingUploads& waiting, BucketUses& uses, NotedUses& noted, Clock& clock,
               const BucketStoreOptions& options);
  ~BucketKeeper() { Stop(); }
  BucketKeeper(const BucketKeeper&) = delete;
  BucketKeeper& operator=(const BucketKeeper&) = delete;

  // FAILED_PRECONDITION: the bucket is another farm's. Whether it can be reached is not asked of an operator
  // who only starts a farm.
  absl::Status Claim();
  void Start();
  void Stop();

  void Fill(BucketStatus* status) const;
  absl::StatusOr<int64_t> LeaveDisk(int64_t bytes, int64_t before, const std::stop_token& stop);
  void SetDiskBudget(int64_t bytes) { disk_budget_ = bytes; }
  // The bucket is this farm's, and what it has is known: it may be written and what is in it removed.
  bool ready() const { return owned_ && listed_; }
  bool owned() const { return owned_; }

 private:
  absl::Status ReadOwner(const std::stop_token& stop);
  absl::Status List();
  absl::Status AbortOldUploads();
  void Scan();
  void Keep();
  void LookAtDisk();
  // When blobs were used, for the next start.
  void WriteUses();
  void Upload();
  // `asked`: the bucket had a part in it.
  absl::Status UploadOne(const Digest& digest, bool* asked);
  // Notes what it says. False: it is a failure, and a pause was made.
  bool Went(const absl::Status& status);
  void Pause(absl::Duration time);

  DiskBlobStore& disk_;
  bucket::Bucket& bucket_;
  storage::BucketIndex& index_;
  BucketReads& reads_;
  WaitingUploads& waiting_;
  BucketUses& uses_;
  NotedUses& noted_;
  Clock& clock_;
  const BucketStoreOptions options_;
  std::stop_source stop_;
  std::atomic<bool> owned_ = false;
  std::atomic<bool> listed_ = false;
  std::atomic<int64_t> uploaded_ = 0;
  std::atomic<int64_t> disk_budget_ = 0;
  std::atomic<int64_t> left_disk_ = 0;

  mutable Mutex mutex_;
  CondVar stopping_;
  std::string trouble_ ABSL_GUARDED_BY(mutex_);
  absl::Time trouble_since_ ABSL_GUARDED_BY(mutex_);
  absl::Duration next_pause_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace crossmill::coordinator
