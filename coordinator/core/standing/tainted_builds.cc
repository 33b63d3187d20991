#include "coordinator/core/standing/tainted_builds.h"

#include <algorithm>
#include <vector>

#include "common/plan/step_sources.h"

namespace crossmill::core {

bool TaintedBuilds::Add(const v1::BuildPlan& plan, const v1::BuildView& view) {
  std::vector<bool> tainted(static_cast<size_t>(plan.stages_size()), false);
  const auto is_tainted = [&](uint32_t stage) { return stage < tainted.size() && tainted[stage]; };
  for (int i = 0; i < plan.stages_size(); ++i) {
    const v1::StagePlan& stage = plan.stages(i);
    bool bad = stage.base_case() == v1::StagePlan::kBaseStage && is_tainted(stage.base_stage());
    if (stage.base_case() == v1::StagePlan::kBaseImage &&
        static_cast<int>(stage.base_image()) < plan.bases_size()) {
      const auto& layers = plan.bases(static_cast<int>(stage.base_image())).layers();
      bad = std::any_of(layers.begin(), layers.end(),
                        [&](const v1::Layer& layer) { return layers_.contains(layer.tar().hash()); });
    }
    for (int j = 0; j < stage.steps_size(); ++j) {
      for (const v1::CopySource* source : plan::SourcesOf(stage.steps(j)))
        bad = bad || (source->has_export_() && is_tainted(source->export_().stage()));
      if (i >= view.stages_size() || j >= view.stages(i).steps_size()) continue;
      const v1::StepView& step = view.stages(i).steps(j);
      bad = bad || (step.execution() != 0 && executions_.contains(step.execution()));
      if (bad && !step.layer().tar().hash().empty()) layers_.insert(step.layer().tar().hash());
    }
    tainted[static_cast<size_t>(i)] = bad;
  }
  return std::any_of(tainted.begin(), tainted.end(), [](bool bad) { return bad; });
}

}  // namespace crossmill::core
