// Which stages and steps of two plans stand for the same thing. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// A step of a plan; not owned.
struct PlannedStep {
  // Index into BuildPlan.stages.
  uint32_t stage = 0;
  // nullptr: the stage's FROM.
  const v1::Step* step = nullptr;
};

// At least one of them.
struct PlannedPair {
  std::optional<PlannedStep> first;
  std::optional<PlannedStep> second;
};

// One cell of a plan.
struct PlannedCell {
  const v1::BuildPlan& plan;
  // Index into BuildPlan.cells.
  uint32_t cell = 0;
};

// All steps of both cells. The target stages correspond, so do the stages that these are FROM, and else those
// of one name; in stages that correspond the steps of one text do, in order (their longest common
// subsequence). In the first's order of stages; a stage that only the second has comes before the stage that
// it comes before there.
std::vector<PlannedPair> PairSteps(const PlannedCell& first, const PlannedCell& second);

}  // namespace crossmill::coordinator
