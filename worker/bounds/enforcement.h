// What a worker can enforce of the limits of a step, and how.
#pragma once

#include <string>

#include "crossmill/v1/worker.pb.h"
#include "worker/host/step_groups.h"

namespace crossmill::worker {

// `wanted`, and where the operator says nothing about memory and processes 15/16 of what all steps together
// have: one that takes all there is comes to a limit of its own, and is not taken for a machine that is too
// small.
v1::StepBounds MostOfOneStep(v1::StepBounds wanted, const StepGroups& groups);

// Puts it into `info`, and says it in one line.
std::string TellEnforcement(const StepGroups& groups, const v1::StepBounds& most, v1::WorkerInfo* info);

}  // namespace crossmill::worker
