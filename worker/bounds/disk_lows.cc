#include "worker/bounds/disk_lows.h"

#include <algorithm>
#include <utility>

#include "common/base/threads.h"

namespace crossmill::worker {

DiskLows::DiskLows(Space space, absl::Duration interval) : space_(std::move(space)), interval_(interval) {
  if (!space_) return;
  Look();
  auto thread = StartThread([this] { Watch(); });
  if (thread.ok()) thread_ = *std::move(thread);
}

DiskLows::~DiskLows() { Finish(); }

std::optional<DiskSpace> DiskLows::Finish() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
  if (space_) Look();
  MutexLock lock(mutex_);
  return lowest_;
}

void DiskLows::Watch() {
  while (true) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(interval_));
      if (stopping_) return;
    }
    Look();
  }
}

void DiskLows::Look() {
  const absl::StatusOr<DiskSpace> now = space_();
  if (!now.ok()) return;
  MutexLock lock(mutex_);
  if (!lowest_) {
    lowest_ = *now;
    return;
  }
  lowest_->free = std::min(lowest_->free, now->free);
  lowest_->files_free = std::min(lowest_->files_free, now->files_free);
}

}  // namespace crossmill::worker
