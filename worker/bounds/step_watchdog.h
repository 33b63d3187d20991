// Ends a step that is beyond a limit which no control group and no rlimit enforces: looks again and again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

struct ProcessSample {
  uint64_t memory = 0;
  // With threads.
  uint64_t processes = 0;
};

struct WatchdogOptions {
  // Only what it has to watch: memory, processes, disk.
  v1::StepBounds bounds;
  // `precise`: as exact as can be, at a price; asked where the cheap sample is over a limit. Nothing: it
  // could not be told.
  std::function<std::optional<ProcessSample>(bool precise)> processes;
  std::function<std::optional<uint64_t>()> disk;
  // Ends the step. Called once, on the watchdog's thread.
  std::function<void()> kill;
  absl::Duration interval = absl::Milliseconds(250);
};

// What is beyond a limit, if anything: memory, then processes.
std::optional<v1::BoundReached> BeyondLimit(const v1::StepBounds& bounds, const ProcessSample& sample);

// Watches from its construction to Stop. Without anything to watch it has no thread.
class StepWatchdog {
 public:
  explicit StepWatchdog(WatchdogOptions options);
  ~StepWatchdog();
  StepWatchdog(const StepWatchdog&) = delete;
  StepWatchdog& operator=(const StepWatchdog&) = delete;

  // Looks no more.
  void Stop();
  // After Stop: what the step was ended for.
  std::optional<v1::BoundReached> reached();
  // Not OK: there is no thread to watch, so nobody does.
  bool watches() const { return thread_.joinable(); }

 private:
  void Watch();
  std::optional<v1::BoundReached> LookAtProcesses() const;
  // Looking takes time that grows with what was written: at most a tenth of it is spent so.
  std::optional<v1::BoundReached> LookAtDisk(absl::Time now, absl::Time* not_before) const;

  const WatchdogOptions options_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<v1::BoundReached> reached_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace crossmill::worker
