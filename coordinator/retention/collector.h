// Garbage collection of blobs: a thread of its own that learns what the store has when the coordinator
// starts, and from then on removes what is beyond the budget and what nothing needs, in small steps beside
// builds.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/blobs/disk_blob_store.h"
#include "coordinator/bucket/bucket_blob_store.h"
#include "coordinator/retention/aging.h"
#include "coordinator/retention/blob_shards.h"
#include "coordinator/retention/pacer.h"
#include "coordinator/retention/policies.h"
#include "coordinator/retention/roots.h"
#include "coordinator/retention/row_aging.h"
#include "coordinator/room/disk_room.h"
#include "coordinator/room/held_blobs.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

struct SweepRequest {
  // Nothing is removed; what would be is told.
  bool dry_run = false;
  // Also what is too old: consoles, events, names of images.
  bool aged = false;
  // Removes all that nothing needs, not only what is beyond the budget. Recent blobs stay.
  bool all = false;
  // Says what the blobs are that nothing needs, which takes a look at every execution.
  bool classify = false;
  // Only what was not used for so many seconds, where that is more than the grace time.
  int64_t unused_seconds = 0;
  // With `all`: only until blobs take no more bytes of the disk than this.
  int64_t keep_bytes = 0;
};

struct BlobSum {
  int64_t blobs = 0;
  int64_t bytes = 0;
  void Add(const BlobUse& use) {
    ++blobs;
    bytes += use.disk_bytes;
  }
};

// Of the bucket behind the disk: sizes are those of the blobs.
struct BucketSweep {
  // Empty: there is none.
  std::string name;
  // Forgotten, or of a dry run what would be.
  int64_t blobs = 0;
  int64_t bytes = 0;
  // What stays, and why; nothing needs the rest.
  std::array<BlobSum, storage::kKeepers> needed;
  BlobSum rest;
  int64_t budget = kNoLimit;
  // Blocks of the disk.
  int64_t left_disk_bytes = 0;
  // What keeps it from being used; empty: nothing.
  std::string trouble;
};

struct SweepReport {
  // Removed, or of a dry run what would be.
  int64_t blobs = 0;
  int64_t bytes = 0;
  // What stays, and why.
  std::array<BlobSum, storage::kKeepers> needed;
  // Nothing needs them, but they were used within the grace time.
  int64_t recent_bytes = 0;
  // Nothing needs them, recent or not: layers of executions and everything else.
  BlobSum layers;
  BlobSum rest;
  std::vector<AgedSum> aged;
  // Nothing needs them, and the disk does not let them go.
  int64_t stuck_bytes = 0;
  // Nothing was left that could go.
  bool exhausted = false;
  // Of the whole store, afterwards.
  int64_t total_blobs = 0;
  int64_t total_bytes = 0;
  int64_t budget = kNoLimit;
  BucketSweep bucket;
  // Why the budget is not met, for people; empty: it is.
  std::string over_budget;
  std::chrono::nanoseconds longest_step{0};
  // Of what was computed, without waiting.
  std::chrono::nanoseconds longest_computing{0};
};

struct CollectorOptions {
  // Between two looks at budget and disk.
  absl::Duration interval = absl::Seconds(5);
  // Between two looks at what is too old, and at rows that nobody used for long.
  absl::Duration aging = absl::Minutes(10);
  absl::Duration row_aging = absl::Hours(6);
  // After a look that could not meet the budget.
  absl::Duration patience = absl::Seconds(30);
  // Who asks for room waits so long for it.
  absl::Duration make_room_wait = absl::Seconds(10);
  // On the collector's thread, before anything is removed: returns when the builds that were running at the
  // last stop have said what they need. May be empty.
  std::function<void()> await_builds = nullptr;
  // A bucket behind the disk; may be null, outlives the collector. Blobs leave the disk for it then, whether
  // they are needed or not, and what nothing needs is removed from it by policies of its own. It looks
  // through the store itself.
  BucketBlobStore* bucket = nullptr;
  // Between two looks for what is in the bucket and was not used for long.
  absl::Duration bucket_interval = absl::Hours(1);
};

// Thread safe. What it is given outlives it.
class Collector {
 public:
  Collector(DiskBlobStore& blobs, std::unique_ptr<storage::RecordStore> records, storage::LogStore& logs,
            const HeldBlobs& held, DiskRoom& room, Clock& clock, CollectorOptions options = {});
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  void Start();
  void Stop();

  Policies policies() const;
  void SetPolicies(const Policies& policies);
  // What blobs.budget means now, in bytes.
  int64_t budget() const;

  // Does it on the thread of the collector, and waits. CANCELLED: `stop`, or the end of the coordinator.
  absl::StatusOr<SweepReport> Sweep(const SweepRequest& request, const std::stop_token& stop);
  // Wakes the collector, and waits a while for what it can do.
  void MakeRoom();

 private:
  struct Order {
    SweepRequest request;
    absl::StatusOr<SweepReport> report = absl::UnknownError("not done");
    bool done = false;
  };

  void Run(const std::stop_token& stop);
  absl::Status Scan();
  // What has to go: beyond the budget, and what the disk lacks above its floor.
  int64_t Excess() const;
  // How much of what nothing needs is to go.
  int64_t WantedOf(const SweepRequest& request) const;
  absl::StatusOr<SweepReport> Collect(const SweepRequest& request, bool hurried);
  absl::Status SweepBucket(const SweepRequest& request, const Needed& needed, int64_t horizon,
                           BucketSweep* report);
  absl::Status RemoveFromBucket(SweepOrder& order, int64_t horizon, int64_t unused_before, int64_t total,
                                const SweepRequest& request, BucketSweep* report);
  absl::StatusOr<absl::flat_hash_set<BlobName>> PartsOfUncopied();
  // Whether there may be something to remove from the bucket.
  bool BucketIsDue(absl::Time now);
  void LookAtBucket(bool hurried);
  DocumentSource Documents();
  absl::Status Remove(SweepOrder& order, int64_t horizon, int64_t excess, const SweepRequest& request,
                      SweepReport* report);
  absl::StatusOr<BlobNames> LayersOfExecutions();
  std::string WhyOver(const SweepReport& report) const;
  void LookAround(bool hurried);
  // When blobs that come are reason to look before the interval is over.
  void AskToBeWoken();
  void Age();
  absl::StatusOr<std::vector<AgedSum>> AgeRows(absl::Time now);
  void Obey(const std::vector<std::shared_ptr<Order>>& orders);

  DiskBlobStore& blobs_;
  const std::unique_ptr<storage::RecordStore> records_;
  storage::KeptRecords kept_;
  DiskRoom& room_;
  Clock& clock_;
  const CollectorOptions options_;
  std::stop_source stop_;
  // Of the thread.
  Pacer pacer_;
  Roots roots_;
  Aging aging_;
  RowAging row_aging_;
  absl::Time aged_at_ = absl::InfinitePast();
  absl::Time rows_aged_at_ = absl::InfinitePast();
  absl::Time quiet_until_ = absl::InfinitePast();
  absl::Time bucket_looked_at_ = absl::InfinitePast();
  absl::Time bucket_quiet_until_ = absl::InfinitePast();

  mutable Mutex mutex_;
  CondVar changed_;
  Policies policies_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  // More blobs have come than the budget has room for.
  bool grown_ ABSL_GUARDED_BY(mutex_) = false;
  // Looks around that began, and the last of them that came to its end.
  int64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t looked_ ABSL_GUARDED_BY(mutex_) = 0;
  std::chrono::steady_clock::time_point next_room_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Order>> orders_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace crossmill::coordinator
