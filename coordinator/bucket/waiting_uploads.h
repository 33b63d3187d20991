// Blobs of the disk that are to be copied to the bucket. Pure but for its lock.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <optional>
#include <stop_token>

#include "absl/container/flat_hash_set.h"
#include "common/base/digest.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe. Holds at most kMost: what comes then is on disk, and is found there by a scan when the rest
// has gone (`TakeOverflow`).
class WaitingUploads {
 public:
  static constexpr size_t kMost = 100'000;

  void Add(const Digest& digest);
  // The one that has waited longest; it still counts as waiting until Done or Again. nullopt: `stop`, or
  // nothing came within the time.
  std::optional<Digest> Take(std::chrono::milliseconds patience, const std::stop_token& stop);
  // It is in the bucket, or no longer on disk.
  void Done(const Digest& digest);
  // It is tried first when there is a try again.
  void Again(const Digest& digest);
  // True once, if some were not held and nothing waits now.
  bool TakeOverflow();
  void WakeAll();

  struct Totals {
    int64_t blobs = 0;
    int64_t bytes = 0;
    // There are more than are counted.
    bool more = false;
  };
  Totals Sum() const;

 private:
  mutable Mutex mutex_;
  CondVar added_;
  std::deque<Digest> queue_ ABSL_GUARDED_BY(mutex_);
  // Those of the queue, and those that are being uploaded.
  absl::flat_hash_set<Digest> waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool overflow_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace crossmill::coordinator
