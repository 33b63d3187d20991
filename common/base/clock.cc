#include "common/base/clock.h"

#include "absl/time/clock.h"

namespace crossmill {

absl::Time SystemClock::Now() { return absl::Now(); }

int64_t UnixNanos(absl::Time time) { return absl::ToUnixNanos(time); }

}  // namespace crossmill
