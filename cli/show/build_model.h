// The view of a build that its numbered events add up to, as a watcher has it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "crossmill/v1/build.pb.h"

namespace crossmill::cli {

// Not thread safe.
class BuildModel {
 public:
  explicit BuildModel(int64_t build_id) { view_.set_id(build_id); }

  // Events must come in order; one that was applied before changes nothing (returns false).
  bool Apply(const v1::BuildEvent& event);

  const v1::BuildView& view() const { return view_; }
  int64_t last_event() const { return view_.last_event(); }
  bool finished() const;

  // Null when the plan has no such stage or step.
  const v1::StageView* Stage(uint32_t index) const;
  const v1::StepView* Step(uint32_t stage, uint32_t number) const;
  // Number of the last step of the stage, FROM counted: what "4/7" ends in.
  uint32_t StepCount(const v1::StageView& stage) const;

  // When this execution of the step was first seen running (Unix nanoseconds), if it was.
  std::optional<int64_t> StartedAt(uint32_t stage, uint32_t replica, uint32_t step) const;

 private:
  v1::StageView* MutableStage(uint32_t index);
  void ApplyPlan(const v1::BuildEvent::Planned& planned);
  void ApplyStep(const v1::BuildEvent::StepChanged& changed, int64_t time);
  void ApplyCell(const v1::CellView& cell);

  v1::BuildView view_;
  std::map<std::tuple<uint32_t, uint32_t, uint32_t>, int64_t> started_;
};

// The step as the execution that changed sees it: an event carries the whole step, and says which
// replica's part of it is news.
v1::StepView ExecutionOf(const v1::BuildEvent::StepChanged& changed);

// Number of the last step of a stage, FROM counted.
uint32_t LastStepNumber(const v1::StageView& stage);

}  // namespace crossmill::cli
