// How long a task is expected to take, by the way in which it is executed. Pure.
#pragma once

#include <optional>

#include "absl/time/time.h"

namespace crossmill::core {

// The ways in which a worker can execute a platform's programs, the better ones first. A further one has a
// place here, in ExpectedTime::By, and in what a worker says of itself (Scheduler::SetInfo).
enum class Way { kNative, kEmulated };

// From earlier executions of the task's steps; unset: some of them was never seen that way.
struct ExpectedTime {
  std::optional<absl::Duration> native;
  std::optional<absl::Duration> emulated;

  const std::optional<absl::Duration>& By(Way way) const { return way == Way::kNative ? native : emulated; }
};

}  // namespace crossmill::core
