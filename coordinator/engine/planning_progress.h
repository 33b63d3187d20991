// How far the things are that planning waits for: pulls, downloads, checkouts. Shown to who watches, never
// recorded.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/mutex.h"

namespace crossmill::coordinator {

struct PlanningStep {
  // "https://...", "python:3.11 linux/arm64".
  std::string what;
  int64_t done_bytes = 0;
  // 0: not known.
  int64_t total_bytes = 0;
};

// The latest of each thing of each build. Thread safe.
class PlanningProgressLog {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Of one thing, so often at most something is told, its end apart.
  explicit PlanningProgressLog(std::chrono::milliseconds interval = std::chrono::milliseconds(300))
      : interval_(interval) {}

  // True when watchers should be told.
  bool Report(int64_t build, const PlanningStep& step, Time now = std::chrono::steady_clock::now());
  // For a watcher that begins now.
  std::vector<PlanningStep> Latest(int64_t build);
  // The build is planned.
  void Forget(int64_t build);

 private:
  struct Entry {
    PlanningStep step;
    Time told;
  };
  const std::chrono::milliseconds interval_;
  Mutex mutex_;
  std::map<int64_t, std::map<std::string, Entry>> builds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
