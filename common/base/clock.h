// Time is injected: production code gets SystemClock, tests turn a FakeClock by hand.
#pragma once

#include <chrono>
#include <cstdint>

#include "absl/time/time.h"

namespace crossmill {

// Thread safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall-clock time: for records and for display.
  virtual absl::Time Now() = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() override;
};

// For time-outs: what time it was when this was made, and since then what really passed, whatever becomes of
// the wall clock. Setting that by an hour would else expire every lease at once, or none for an hour.
class SteadyClock final : public Clock {
 public:
  absl::Time Now() override;

 private:
  const absl::Time start_ = SystemClock().Now();
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

// Unix time in nanoseconds, as the records and messages hold it.
int64_t UnixNanos(absl::Time time);

}  // namespace crossmill
