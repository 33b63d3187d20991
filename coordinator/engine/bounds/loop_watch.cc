#include "coordinator/engine/bounds/loop_watch.h"

#include <algorithm>

#include "common/base/log.h"

namespace crossmill::coordinator {

void LoopWatch::Note(std::string_view kind, std::chrono::nanoseconds time) {
  bool longest = false;
  {
    MutexLock lock(mutex_);
    LoopTimes& times = times_[kind];
    ++times.events;
    if (time > kLongest) ++times.slow;
    // Said again only when it has become much worse.
    longest = time > kLongest && time > times.longest * 2;
    times.longest = std::max(times.longest, time);
  }
  if (longest)
    LogWarning("loop event={} seconds={:.3f}: everything else waited", kind,
               std::chrono::duration<double>(time).count());
}

std::vector<LoopTimes> LoopWatch::Read() const {
  std::vector<LoopTimes> all;
  MutexLock lock(mutex_);
  for (const auto& [kind, times] : times_) {
    all.push_back(times);
    all.back().kind = kind;
  }
  return all;
}

}  // namespace crossmill::coordinator
