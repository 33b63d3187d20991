// The change log of a running farm: the engine notes there, and whoever follows the farm reads there.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "common/base/mutex.h"
#include "coordinator/overview/change_log.h"

namespace crossmill::overview {

// Thread safe.
class NewsBoard {
 public:
  // As in ChangeLog.
  explicit NewsBoard(int64_t start) : log_(start) {}

  void Note(v1::BuildView build) {
    NotedBuild noted = ToNote(std::move(build));
    MutexLock lock(mutex_);
    if (log_.Note(std::move(noted)) && on_change_) on_change_();
  }
  void NoteWorkers() {
    MutexLock lock(mutex_);
    log_.NoteWorkers();
    if (on_change_) on_change_();
  }
  int64_t sequence() const {
    MutexLock lock(mutex_);
    return log_.sequence();
  }
  FarmChanges Since(int64_t after) const {
    MutexLock lock(mutex_);
    return log_.Since(after);
  }
  // Called after each change, one call after the other; null: nobody, and no call is under way any more. It
  // must be short and must not call back: whoever notes waits for it.
  void SetListener(std::function<void()> on_change) {
    MutexLock lock(mutex_);
    on_change_ = std::move(on_change);
  }

 private:
  mutable Mutex mutex_;
  ChangeLog log_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_change_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::overview
