#include "coordinator/wheels/wheels_plan.h"

#include "common/base/status.h"

namespace crossmill::coordinator {

v1::BuildPlan PlanWheels(const v1::WheelsSubmission& wheels) {
  v1::BuildPlan plan;
  plan.set_epoch(wheels.epoch());
  plan.set_strict_epoch(wheels.strict_epoch());
  plan.set_keep_times(wheels.keep_times());
  v1::PinnedImage& root = *plan.add_bases();
  root.set_reference(fmt::format("the root before {} of build {}", wheels.place(), wheels.ahead_of()));
  *root.mutable_platform() = wheels.platform();
  *root.mutable_layers() = wheels.root();
  root.set_newest_time(wheels.epoch());
  for (const v1::WheelCompilation& compilation : wheels.compilations()) {
    v1::CellPlan& cell = *plan.add_cells();
    *cell.mutable_platform() = wheels.platform();
    cell.set_target_stage(plan.stages_size());
    v1::StagePlan& stage = *plan.add_stages();
    stage.set_name(fmt::format("{}-{}", compilation.project(), compilation.version()));
    *stage.mutable_platform() = wheels.platform();
    stage.set_base_image(0);
    stage.set_from_text(fmt::format("FROM {}", root.reference()));
    v1::Step& step = *stage.add_steps();
    step.set_number(2);
    step.set_instruction("RUN");
    step.set_text(fmt::format("RUN compile {}", compilation.source_file()));
    step.mutable_range()->set_file(compilation.source_file());
    step.mutable_range()->set_first_line(1);
    step.mutable_range()->set_last_line(1);
    step.set_clamp_time(wheels.epoch());
    step.set_keep_times(wheels.keep_times());
    *step.mutable_run() = compilation.run();
  }
  return plan;
}

}  // namespace crossmill::coordinator
