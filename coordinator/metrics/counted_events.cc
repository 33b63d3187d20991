#include "coordinator/metrics/counted_events.h"

#include <algorithm>

#include "common/words/platform.h"

namespace crossmill::coordinator {
namespace {

void Count(v1::StepStatus status, StepCounts& counts) {
  switch (status) {
    case v1::STEP_STATUS_EXECUTED:
      ++counts.executed;
      break;
    case v1::STEP_STATUS_FAILED:
      ++counts.failed;
      break;
    case v1::STEP_STATUS_WAITING:
      // Nobody is told of a step that waits, but when it waits again.
      ++counts.interrupted;
      break;
    case v1::STEP_STATUS_CACHED:
      ++counts.cached;
      break;
    case v1::STEP_STATUS_SHARED:
      ++counts.shared;
      break;
    default:
      break;
  }
}

// Of the step itself, or of the replica that the event is about.
v1::StepStatus StatusIn(const v1::BuildEvent::StepChanged& change) {
  if (change.replica() == 0) return change.step().status();
  for (const v1::ReplicaStep& row : change.step().replicas()) {
    if (row.replica() != change.replica()) continue;
    // What a replica takes from an earlier build is no answer of the cache to a build.
    const bool from_cache = row.status() == v1::STEP_STATUS_CACHED || row.status() == v1::STEP_STATUS_SHARED;
    return from_cache ? v1::STEP_STATUS_UNSPECIFIED : row.status();
  }
  return v1::STEP_STATUS_UNSPECIFIED;
}

double SecondsBetween(int64_t from, int64_t to) {
  return static_cast<double>(std::max<int64_t>(0, to - from)) / 1e9;
}

}  // namespace

std::map<std::string, StepCounts> CountSteps(const std::vector<v1::BuildEvent>& events,
                                             const v1::BuildView& view) {
  std::map<std::string, StepCounts> counts;
  for (const v1::BuildEvent& event : events) {
    if (!event.has_step_changed()) continue;
    const v1::BuildEvent::StepChanged& change = event.step_changed();
    if (static_cast<int>(change.stage()) >= view.stages_size()) continue;
    const v1::StageView& stage = view.stages(static_cast<int>(change.stage()));
    StepCounts& row = counts[FormatPlatform(stage.platform())];
    const v1::StepStatus status = StatusIn(change);
    Count(status, row);
    const bool executed = status == v1::STEP_STATUS_EXECUTED || status == v1::STEP_STATUS_FAILED;
    if (executed && change.replica() == 0) ++row.missed;
  }
  return counts;
}

std::optional<BuildTimes> TimesOf(const v1::BuildView& view) {
  if (view.ahead_of() != 0) return std::nullopt;
  BuildTimes times;
  times.seconds = SecondsBetween(view.created_at(), view.finished_at());
  int64_t first = 0;
  for (const v1::StageView& stage : view.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      const bool own = step.status() == v1::STEP_STATUS_EXECUTED || step.status() == v1::STEP_STATUS_FAILED;
      if (!own || step.started_at() < view.created_at()) continue;
      if (first == 0 || step.started_at() < first) first = step.started_at();
    }
  }
  if (first != 0) times.wait_seconds = SecondsBetween(view.created_at(), first);
  return times;
}

}  // namespace crossmill::coordinator
