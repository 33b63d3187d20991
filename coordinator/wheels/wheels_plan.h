// The plan of a build that compiles wheels: for each archive a cell with one step, in the same root. Pure.
#pragma once

#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

v1::BuildPlan PlanWheels(const v1::WheelsSubmission& wheels);

}  // namespace crossmill::coordinator
