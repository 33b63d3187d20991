// Time is injected: production code gets SystemClock, tests turn a FakeClock by hand.
#pragma once

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

// Unix time in nanoseconds, as the records and messages hold it.
int64_t UnixNanos(absl::Time time);

}  // namespace crossmill
