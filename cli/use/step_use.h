// What a step used, and its limits, for people and for scripts.
#pragma once

#include <string>

#include "common/base/json.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::cli {

// Limits that are there; null for none.
Json StepBoundsJson(const v1::StepBounds& bounds);
// What is not known is null, so that it is not taken for 0; null for a step that nothing is known of.
Json StepUseJson(const v1::StepView& step);
// null: no limit was reached.
Json BoundReachedJson(const v1::StepView& step);
// "1.2 GiB of memory, 12.3s user, 1.1s system, 3.1 MiB read, 40 MiB written"; empty: nothing is known.
std::string StepUseText(const v1::StepUse& use);

// How a worker enforces limits: null for one that is too old to say.
Json EnforcementJson(const v1::WorkerInfo& info);
// One line each: "memory: control group, 13.6 GiB at most".
std::string EnforcementText(const v1::WorkerInfo& info);

}  // namespace crossmill::cli
