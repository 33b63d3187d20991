#include "common/base/clock.h"

#include "absl/time/clock.h"

namespace crossmill {

absl::Time SystemClock::Now() { return absl::Now(); }

absl::Time SteadyClock::Now() { return start_ + absl::FromChrono(std::chrono::steady_clock::now() - began_); }

int64_t UnixNanos(absl::Time time) { return absl::ToUnixNanos(time); }

}  // namespace crossmill
