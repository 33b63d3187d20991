// Accelerated executions of a step beside emulated ones (docs/accelerators.md): whether they gave the same,
// and if not, whose fault it is. Pure: who executes is given.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

enum class Way { kEmulated, kAccelerated };

// Executes the step once more, on this host, as a first execution. With `acceleration` only if the set was
// there. An error is the farm's fault.
using ExecuteAgain = std::function<absl::StatusOr<v1::StepResult>(Way)>;

// The first path in which two layers differ; empty if that cannot be said.
using FirstPath = std::function<std::string(const v1::Layer&, const v1::Layer&)>;

// Both succeeded with the same layer, or both failed in the same way.
bool SameOutcome(const v1::StepResult& one, const v1::StepResult& other);

// Whether what a step leaves outside of its layer would change what the next execution of it makes, so that
// the two say nothing of each other; empty if not.
std::string WhyNotComparable(const v1::Step& step);

// An accelerated execution is compared: the step is executed emulated, and where that differs as often as it
// takes to know why. `result` is the accelerated one; of executions that differ it becomes the emulated one,
// since that is what counts. At most three executions more.
absl::Status CompareWithEmulated(const v1::Step& step, const ExecuteAgain& again, const FirstPath& path,
                                 v1::StepResult* result);

// A replica (`result`, emulated) differs from the step's first execution, which was accelerated elsewhere. At
// most two executions more; the result stays.
absl::Status SettleReplica(const v1::Step& step, const ExecuteAgain& again, const FirstPath& path,
                           v1::StepResult* result);

}  // namespace crossmill::worker
