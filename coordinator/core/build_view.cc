#include "coordinator/core/build_view.h"

#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::core {
namespace {

void ApplyStep(const v1::BuildEvent::StepChanged& change, v1::BuildView* view) {
  if (static_cast<int>(change.stage()) >= view->stages_size()) return;
  for (v1::StepView& step : *view->mutable_stages(change.stage())->mutable_steps()) {
    if (step.number() == change.step().number()) step = change.step();
  }
}

void ApplyCell(const v1::CellView& cell, v1::BuildView* view) {
  for (v1::CellView& known : *view->mutable_cells()) {
    if (IsSameCell(known, cell)) {
      known = cell;
      return;
    }
  }
  *view->add_cells() = cell;
}

}  // namespace

void ApplyEvent(const v1::BuildEvent& event, v1::BuildView* view) {
  view->set_last_event(event.number());
  switch (event.event_case()) {
    case v1::BuildEvent::kStatusChanged:
      view->set_status(event.status_changed().status());
      view->set_message(event.status_changed().message());
      if (!event.status_changed().index_digest().empty()) {
        view->set_index_digest(event.status_changed().index_digest());
      }
      if (event.status_changed().has_neutral()) *view->mutable_neutral() = event.status_changed().neutral();
      if (IsFinished(view->status())) view->set_finished_at(event.time());
      break;
    case v1::BuildEvent::kPlanned:
      *view->mutable_stages() = event.planned().stages();
      view->set_epoch(event.planned().epoch());
      view->set_planned_at(event.time());
      break;
    case v1::BuildEvent::kStepChanged:
      ApplyStep(event.step_changed(), view);
      break;
    case v1::BuildEvent::kStageChanged:
      if (static_cast<int>(event.stage_changed().stage()) < view->stages_size()) {
        v1::StageView* stage = view->mutable_stages(event.stage_changed().stage());
        stage->set_size_bytes(event.stage_changed().size_bytes());
        stage->set_message(event.stage_changed().message());
      }
      break;
    case v1::BuildEvent::kCellChanged:
      ApplyCell(event.cell_changed().cell(), view);
      break;
    case v1::BuildEvent::kNotice:
      if (event.notice().warning()) view->add_warnings(event.notice().text());
      break;
    case v1::BuildEvent::kRemoteFetched:
      *view->add_remote_sources() = event.remote_fetched();
      break;
    case v1::BuildEvent::kBasePinned:
    case v1::BuildEvent::EVENT_NOT_SET:
      break;
  }
}

}  // namespace crossmill::core
