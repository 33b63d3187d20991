// Executions as the records have them, for those who compare them.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "coordinator/core/build_state.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// What the records say of an execution, as the core knows it.
core::StepFact FactOf(const storage::Execution& execution);

// Of the executions of a step's key, those that a comparison of `build` with these options may see beside
// `first` (verdict::MaySpeak): those that were asked to differ in everything first. Beside one of these also
// replicas that were as the first in what not every replica differs in. None whose RUN ran at the same time
// as the first's (core::StandsApart), where the clock was to differ.
std::vector<storage::Execution> ThoseThatMaySpeak(std::vector<storage::Execution> executions, int64_t build,
                                                  const core::StepFact& first, const v1::Step& step,
                                                  const v1::BuildOptions& options);

// Without those of other builds whose layer the store has lost (a policy removes what nothing needs): there
// would be nothing to compare. What `build` itself executed is kept for it.
std::vector<storage::Execution> WithoutLost(std::vector<storage::Execution> executions, int64_t build,
                                            const std::function<bool(const v1::Layer&)>& is_there);

}  // namespace crossmill::coordinator
