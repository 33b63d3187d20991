// Which image a stage begins from. Pure.
#pragma once

#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Root file system that `stage` starts from, also through other stages: a base image; nullptr: nothing.
inline const v1::PinnedImage* BaseOf(const v1::BuildPlan& plan, int stage) {
  const v1::StagePlan* at = &plan.stages(stage);
  while (at->base_case() == v1::StagePlan::kBaseStage) at = &plan.stages(static_cast<int>(at->base_stage()));
  return at->base_case() == v1::StagePlan::kBaseImage ? &plan.bases(static_cast<int>(at->base_image()))
                                                      : nullptr;
}

}  // namespace crossmill::coordinator
