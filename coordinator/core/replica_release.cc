#include "coordinator/core/replica_release.h"

#include <algorithm>

#include "common/plan/variation.h"

namespace crossmill::core {
namespace {

bool VariesClock(const v1::BuildOptions& options) {
  const auto aspects = plan::AspectsOf(options);
  return std::find(aspects.begin(), aspects.end(), v1::ASPECT_CLOCK) != aspects.end();
}

}  // namespace

bool NeedsClient(const v1::Step& step) {
  const auto& mounts = step.run().mounts();
  return std::any_of(mounts.begin(), mounts.end(), [](const v1::RunMount& mount) {
    return mount.type() == v1::RunMount::TYPE_SECRET || mount.type() == v1::RunMount::TYPE_SSH;
  });
}

std::optional<StepUnderWay> ReleasedStep(const BuildState& state, int stage, const Attempt* first) {
  if (first == nullptr || first->complete() || first->execution == 0) return std::nullopt;
  StepUnderWay step;
  // The steps of another build may be counted otherwise; the walk that joined it stopped at ours.
  const bool own = first->owner && first->owner->build == state.id() && first->owner->stage == stage;
  step.index = own ? first->step_index() : state.next(stage);
  if (step.index >= state.plan().stages(stage).steps_size()) return std::nullopt;
  const v1::Step& planned = state.plan().stages(stage).steps(step.index);
  if (planned.has_run() && VariesClock(state.view().options())) return std::nullopt;
  step.key = first->key;
  step.worker = first->worker;
  step.host_id = first->host;
  return step;
}

}  // namespace crossmill::core
