// How little room the worker's disk had while a step ran. A command that found none in the middle may end
// when there is room again, having failed for that or written less than it had: a look at its end says
// nothing.
#pragma once

#include <functional>
#include <optional>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/base/room/disk_space.h"

namespace crossmill::worker {

// Looks from its construction on, again and again on a thread of its own. What lasts shorter than `interval`
// may be missed. Where no thread can be made only the beginning and the end are seen.
class DiskLows {
 public:
  // Thread safe, and quick. May be empty: then there is nothing to see.
  using Space = std::function<absl::StatusOr<DiskSpace>()>;

  explicit DiskLows(Space space, absl::Duration interval = absl::Milliseconds(50));
  ~DiskLows();
  DiskLows(const DiskLows&) = delete;
  DiskLows& operator=(const DiskLows&) = delete;

  // Looks once more, and no more after that. The least room for bytes, and the least for files, whether or
  // not at the same moment; nothing: no look succeeded.
  std::optional<DiskSpace> Finish();

 private:
  void Watch();
  void Look();

  const Space space_;
  const absl::Duration interval_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<DiskSpace> lowest_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace crossmill::worker
