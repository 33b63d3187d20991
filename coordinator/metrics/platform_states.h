// What is asked of each platform and who is there for it: out of the scheduler's snapshot. Pure.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/scheduler.h"
#include "coordinator/metrics/platform_words.h"
#include "crossmill/v1/farm_numbers.pb.h"

namespace crossmill::coordinator {

// By name: every platform that `words` knows and "any", and "other" if anything is counted there. `now` is by
// the clock that the scheduler was given.
std::vector<v1::PlatformState> PlatformStatesOf(const core::SchedulerStatus& status, PlatformWords& words,
                                                absl::Time now);

}  // namespace crossmill::coordinator
