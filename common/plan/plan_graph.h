// A plan as a graph: which stages a stage or a cell needs, and where its steps are. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// A stage, and over FROM, COPY --from and RUN --mount all before it. Ascending.
std::vector<uint32_t> StagesUpTo(const v1::BuildPlan& plan, uint32_t stage);
// The stages that a cell needs: those up to its target.
std::vector<uint32_t> StagesOfCell(const v1::BuildPlan& plan, uint32_t cell);
// nullptr: there is none with this Step.number in BuildPlan.stages[stage].
const v1::Step* FindStep(const v1::BuildPlan& plan, uint32_t stage, uint32_t number);

}  // namespace crossmill::plan
