// What waits behind a stage: the longest chain of stages that can only begin when it is done. Pure.
#pragma once

#include <set>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace crossmill::core {

// Per stage, how long the longest chain of stages behind it is expected to take, itself not counted.
// `durations`: how long each is expected to take; `needs`: what each waits for. `verified`: each stage's
// replicas wait for it, too, and take as long as it did.
std::vector<absl::Duration> PathsBehind(absl::Span<const absl::Duration> durations,
                                        absl::Span<const std::set<int>> needs, bool verified);

}  // namespace crossmill::core
