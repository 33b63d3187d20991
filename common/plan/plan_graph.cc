#include "common/plan/plan_graph.h"

#include <set>

#include "common/plan/step_sources.h"

namespace crossmill::plan {

const v1::Step* FindStep(const v1::BuildPlan& plan, uint32_t stage, uint32_t number) {
  if (stage >= static_cast<uint32_t>(plan.stages_size())) return nullptr;
  for (const v1::Step& step : plan.stages(static_cast<int>(stage)).steps()) {
    if (step.number() == number) return &step;
  }
  return nullptr;
}

std::vector<uint32_t> StagesOfCell(const v1::BuildPlan& plan, uint32_t cell) {
  return StagesUpTo(plan, plan.cells(static_cast<int>(cell)).target_stage());
}

std::vector<uint32_t> StagesUpTo(const v1::BuildPlan& plan, uint32_t stage) {
  std::set<uint32_t> found;
  std::vector<uint32_t> waiting = {stage};
  while (!waiting.empty()) {
    const uint32_t next = waiting.back();
    waiting.pop_back();
    if (!found.insert(next).second) continue;
    for (const uint32_t needed : NeededStages(plan.stages(static_cast<int>(next)))) {
      waiting.push_back(needed);
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace crossmill::plan
