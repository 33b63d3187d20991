#include "cli/show/build_model.h"

#include <algorithm>

#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {

uint32_t LastStepNumber(const v1::StageView& stage) {
  uint32_t last = 1;
  for (const v1::StepView& step : stage.steps()) last = std::max(last, step.number());
  return last;
}

bool BuildModel::finished() const { return IsFinished(view_.status()); }

const v1::StageView* BuildModel::Stage(uint32_t index) const {
  for (const v1::StageView& stage : view_.stages()) {
    if (stage.index() == index) return &stage;
  }
  return nullptr;
}

v1::StageView* BuildModel::MutableStage(uint32_t index) { return const_cast<v1::StageView*>(Stage(index)); }

const v1::StepView* BuildModel::Step(uint32_t stage, uint32_t number) const {
  const v1::StageView* found = Stage(stage);
  if (found == nullptr) return nullptr;
  for (const v1::StepView& step : found->steps()) {
    if (step.number() == number) return &step;
  }
  return nullptr;
}

uint32_t BuildModel::StepCount(const v1::StageView& stage) const { return LastStepNumber(stage); }

std::optional<int64_t> BuildModel::StartedAt(uint32_t stage, uint32_t replica, uint32_t step) const {
  const auto found = started_.find({stage, replica, step});
  if (found == started_.end()) return std::nullopt;
  return found->second;
}

void BuildModel::ApplyPlan(const v1::BuildEvent::Planned& planned) {
  *view_.mutable_stages() = planned.stages();
  view_.set_epoch(planned.epoch());
  view_.clear_cells();
  for (const v1::CellPlan& plan : planned.cells()) {
    v1::CellView* cell = view_.add_cells();
    *cell->mutable_platform() = plan.platform();
    cell->set_target_stage(plan.target_stage());
    cell->set_status(v1::BUILD_STATUS_QUEUED);
  }
}

v1::StepView ExecutionOf(const v1::BuildEvent::StepChanged& changed) {
  v1::StepView step = changed.step();
  if (changed.replica() == 0) return step;
  step.set_status(v1::STEP_STATUS_WAITING);
  step.clear_worker();
  step.clear_layer();
  step.clear_exit_code();
  step.clear_failure();
  step.clear_started_at();
  step.clear_finished_at();
  for (const v1::ReplicaStep& replica : changed.step().replicas()) {
    if (replica.replica() != changed.replica()) continue;
    step.set_status(replica.status());
    step.set_worker(replica.worker());
    step.set_seconds(replica.seconds());
    step.set_exit_code(replica.exit_code());
    step.set_failure(replica.failure());
    step.set_started_at(replica.started_at());
    step.set_finished_at(replica.finished_at());
    if (replica.has_layer()) *step.mutable_layer() = replica.layer();
  }
  return step;
}

void BuildModel::ApplyStep(const v1::BuildEvent::StepChanged& changed, int64_t time) {
  v1::StageView* stage = MutableStage(changed.stage());
  if (stage == nullptr) return;
  const std::tuple key(changed.stage(), changed.replica(), changed.step().number());
  // A new attempt after a lost worker begins anew.
  if (ExecutionOf(changed).status() == v1::STEP_STATUS_RUNNING) started_[key] = time;
  for (v1::StepView& step : *stage->mutable_steps()) {
    if (step.number() == changed.step().number()) step = changed.step();
  }
}

void BuildModel::ApplyCell(const v1::CellView& news) {
  for (v1::CellView& cell : *view_.mutable_cells()) {
    if (IsSameCell(cell, news)) {
      cell = news;
      return;
    }
  }
  *view_.add_cells() = news;
}

bool BuildModel::Apply(const v1::BuildEvent& event) {
  if (event.number() <= view_.last_event()) return false;
  view_.set_last_event(event.number());
  if (view_.created_at() == 0) view_.set_created_at(event.time());
  switch (event.event_case()) {
    case v1::BuildEvent::kStatusChanged: {
      const auto& changed = event.status_changed();
      view_.set_status(changed.status());
      view_.set_message(changed.message());
      if (!changed.index_digest().empty()) view_.set_index_digest(changed.index_digest());
      if (changed.has_neutral()) *view_.mutable_neutral() = changed.neutral();
      if (finished()) view_.set_finished_at(event.time());
      break;
    }
    case v1::BuildEvent::kBasePinned: {
      v1::PinnedImage* base = view_.add_bases();
      base->set_reference(event.base_pinned().reference());
      *base->mutable_platform() = event.base_pinned().platform();
      base->set_manifest_digest(event.base_pinned().manifest_digest());
      base->set_stand_in(event.base_pinned().stand_in());
      break;
    }
    case v1::BuildEvent::kPlanned:
      ApplyPlan(event.planned());
      view_.set_planned_at(event.time());
      break;
    case v1::BuildEvent::kStepChanged:
      ApplyStep(event.step_changed(), event.time());
      break;
    case v1::BuildEvent::kCellChanged:
      ApplyCell(event.cell_changed().cell());
      break;
    case v1::BuildEvent::kStageChanged:
      if (v1::StageView* stage = MutableStage(event.stage_changed().stage())) {
        stage->set_size_bytes(event.stage_changed().size_bytes());
        stage->set_message(event.stage_changed().message());
      }
      break;
    case v1::BuildEvent::kNotice:
      if (event.notice().warning()) view_.add_warnings(event.notice().text());
      break;
    case v1::BuildEvent::kRemoteFetched:
      *view_.add_remote_sources() = event.remote_fetched();
      break;
    case v1::BuildEvent::EVENT_NOT_SET:
      break;
  }
  return true;
}

}  // namespace crossmill::cli
