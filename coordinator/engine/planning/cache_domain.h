// The walls between projects in a plan: what its steps may reuse of what others executed. Pure.
#pragma once

#include <string_view>

#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Steps reuse results of their own project only, and RUN --mount=type=cache has the values of its own
// project. `project`: BuildSubmission.project. In the project that every farm has nothing changes, but for
// ids of caches that look like those of another. Once more changes nothing: recorded plans are planned again.
void SetCacheDomain(std::string_view project, v1::BuildPlan* plan);

}  // namespace crossmill::coordinator
