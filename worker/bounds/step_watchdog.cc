#include "worker/bounds/step_watchdog.h"

#include <utility>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/threads.h"

namespace crossmill::worker {
namespace {

// Of the time of the last look at a disk.
constexpr int kRestPerLook = 9;

v1::BoundReached Beyond(v1::StepBound bound, uint64_t limit, uint64_t peak) {
  v1::BoundReached reached;
  reached.set_bound(bound);
  reached.set_limit(limit);
  reached.set_peak(peak);
  return reached;
}

bool Watchable(const v1::StepBounds& bounds) {
  return bounds.memory() > 0 || bounds.processes() > 0 || bounds.disk() > 0;
}

}  // namespace

std::optional<v1::BoundReached> BeyondLimit(const v1::StepBounds& bounds, const ProcessSample& sample) {
  if (bounds.memory() > 0 && sample.memory > bounds.memory())
    return Beyond(v1::STEP_BOUND_MEMORY, bounds.memory(), sample.memory);
  if (bounds.processes() > 0 && sample.processes > bounds.processes())
    return Beyond(v1::STEP_BOUND_PROCESSES, bounds.processes(), sample.processes);
  return std::nullopt;
}

StepWatchdog::StepWatchdog(WatchdogOptions options) : options_(std::move(options)) {
  if (!Watchable(options_.bounds)) return;
  auto thread = StartThread([this] { Watch(); });
  if (thread.ok()) thread_ = *std::move(thread);
}

StepWatchdog::~StepWatchdog() { Stop(); }

void StepWatchdog::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

std::optional<v1::BoundReached> StepWatchdog::reached() {
  MutexLock lock(mutex_);
  return reached_;
}

std::optional<v1::BoundReached> StepWatchdog::LookAtProcesses() const {
  if (!options_.processes || (options_.bounds.memory() == 0 && options_.bounds.processes() == 0))
    return std::nullopt;
  auto sample = options_.processes(false);
  if (!sample || !BeyondLimit(options_.bounds, *sample)) return std::nullopt;
  if (const auto precise = options_.processes(true)) sample = precise;
  return BeyondLimit(options_.bounds, *sample);
}

std::optional<v1::BoundReached> StepWatchdog::LookAtDisk(absl::Time now, absl::Time* not_before) const {
  if (!options_.disk || options_.bounds.disk() == 0 || now < *not_before) return std::nullopt;
  SteadyClock passing;
  const absl::Time began = passing.Now();
  const auto used = options_.disk();
  *not_before = now + kRestPerLook * (passing.Now() - began);
  if (!used || *used <= options_.bounds.disk()) return std::nullopt;
  return Beyond(v1::STEP_BOUND_DISK, options_.bounds.disk(), *used);
}

void StepWatchdog::Watch() {
  SteadyClock passing;
  absl::Time disk_not_before = absl::InfinitePast();
  while (true) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(options_.interval));
      if (stopping_) return;
    }
    auto beyond = LookAtProcesses();
    if (!beyond) beyond = LookAtDisk(passing.Now(), &disk_not_before);
    if (!beyond) continue;
    {
      MutexLock lock(mutex_);
      // It ended by itself meanwhile: what is told must be why it ended.
      if (stopping_) return;
      reached_ = std::move(beyond);
    }
    options_.kill();
    return;
  }
}

}  // namespace crossmill::worker
