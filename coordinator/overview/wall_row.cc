#include "coordinator/overview/wall_row.h"

#include <algorithm>

#include "common/words/platform.h"
#include "coordinator/core/build_history.h"
#include "coordinator/core/recipe_identity.h"
#include "coordinator/overview/listed_build.h"

namespace crossmill::overview {
namespace {

// What a point means for a person.
enum class State { kNothing, kWell, kFailed, kFarm, kDiffers, kFlaky, kDrift };

State StateOf(const v1::WallPoint& point) {
  switch (point.status()) {
    case v1::BUILD_STATUS_SUCCEEDED:
      break;
    case v1::BUILD_STATUS_FAILED:
    case v1::BUILD_STATUS_TIMED_OUT:
      return State::kFailed;
    case v1::BUILD_STATUS_INFRASTRUCTURE_FAILED:
      return State::kFarm;
    default:
      return State::kNothing;
  }
  switch (point.verdict()) {
    case v1::VERDICT_UNREPRODUCIBLE:
      return State::kDiffers;
    case v1::VERDICT_FLAKY:
      return State::kFlaky;
    case v1::VERDICT_INPUT_DRIFT:
      return State::kDrift;
    default:
      return State::kWell;
  }
}

// Of the newest build that says something, before the last one or with it.
State NewestState(const v1::WallCell& cell, bool with_last) {
  for (int i = cell.points_size() - (with_last ? 1 : 2); i >= 0; --i) {
    if (StateOf(cell.points(i)) != State::kNothing) return StateOf(cell.points(i));
  }
  return State::kNothing;
}

bool IsCached(const v1::BuildView& view, const v1::CellView& cell) {
  bool any = false;
  for (const v1::StageView& stage : view.stages()) {
    if (std::find(cell.stages().begin(), cell.stages().end(), stage.index()) == cell.stages().end()) continue;
    for (const v1::StepView& step : stage.steps()) {
      if (step.status() != v1::STEP_STATUS_CACHED && step.status() != v1::STEP_STATUS_METADATA) return false;
      any |= step.status() == v1::STEP_STATUS_CACHED;
    }
  }
  return any;
}

v1::WallPoint PointOf(const v1::BuildView& view, const v1::CellView& cell) {
  v1::WallPoint point;
  point.set_build_id(view.id());
  point.set_status(cell.status());
  const v1::Verdict verdict = cell.comparison().verdict();
  point.set_verdict(verdict == v1::VERDICT_UNSPECIFIED ? v1::VERDICT_UNVERIFIED : verdict);
  point.set_seconds(cell.seconds());
  point.set_finished_at(view.finished_at());
  point.set_cached(IsCached(view, cell));
  return point;
}

v1::WallCell& CellOf(const v1::Platform& platform, v1::WallRow* row) {
  for (v1::WallCell& cell : *row->mutable_cells()) {
    if (SamePlatform(cell.platform(), platform)) return cell;
  }
  v1::WallCell& cell = *row->add_cells();
  *cell.mutable_platform() = platform;
  return cell;
}

// Whether the state of the platform is another one since.
bool AddPoint(const v1::BuildView& view, const v1::CellView& from, v1::WallCell* cell) {
  auto& points = *cell->mutable_points();
  const bool there = std::any_of(points.begin(), points.end(),
                                 [&](const v1::WallPoint& point) { return point.build_id() == view.id(); });
  const bool newest = points.empty() || points.rbegin()->build_id() < view.id();
  if (there || (points.size() == kStrip && view.id() < points.begin()->build_id())) return false;
  *points.Add() = PointOf(view, from);
  std::sort(points.begin(), points.end(), [](const v1::WallPoint& left, const v1::WallPoint& right) {
    return left.build_id() < right.build_id();
  });
  if (points.size() > kStrip) points.DeleteSubrange(0, points.size() - kStrip);
  cell->set_emulated(cell->emulated() || from.emulated());
  if (!newest) return false;
  *cell->mutable_newest() = from;
  KeepHeadline(cell->mutable_newest());
  const State before = NewestState(*cell, false);
  const State now = StateOf(*points.rbegin());
  // The first build is a change where there is something to look at.
  return now != State::kNothing && now != (before == State::kNothing ? State::kWell : before);
}

std::string NameOf(const v1::BuildSubmission& submission) {
  if (!submission.options().tags().empty()) return core::HistoryName(submission.options().tags(0));
  const v1::Recipe& recipe = submission.recipe();
  if (!recipe.context_origin().empty()) return recipe.context_origin();
  return recipe.dockerfile_name();
}

// Platforms that nobody builds any more make room.
void DropOldCells(v1::WallRow* row) {
  if (row->cells_size() <= kMostCells) return;
  auto& cells = *row->mutable_cells();
  const auto oldest =
      std::min_element(cells.begin(), cells.end(), [](const v1::WallCell& a, const v1::WallCell& b) {
        return a.points().rbegin()->build_id() < b.points().rbegin()->build_id();
      });
  cells.erase(oldest);
}

}  // namespace

std::string RowKeyOf(const v1::BuildSubmission& submission) {
  const core::RecipeIdentity identity = core::IdentifyRecipe(submission);
  if (!identity.recipe.empty()) return identity.recipe;
  const v1::Recipe& recipe = submission.recipe();
  return identity.label + (recipe.target().empty() ? "" : ", target " + recipe.target());
}

void AddToRow(const v1::BuildSubmission& submission, const v1::BuildView& view, v1::WallRow* row) {
  row->set_recipe(RowKeyOf(submission));
  for (const v1::CellView& from : view.cells()) {
    if (AddPoint(view, from, &CellOf(from.platform(), row)))
      row->set_changed_at(std::max(row->changed_at(), view.finished_at()));
    DropOldCells(row);
  }
  if (view.id() > row->build_id()) {
    row->set_name(NameOf(submission));
    row->set_target(submission.recipe().target());
    row->set_build_id(view.id());
    row->set_status(view.status());
    row->set_message(view.message());
    row->set_submitted_at(view.created_at());
    row->set_finished_at(view.finished_at());
  }
  row->set_needs_look(std::any_of(row->cells().begin(), row->cells().end(), [](const v1::WallCell& cell) {
    const State state = NewestState(cell, true);
    return state != State::kWell && state != State::kNothing;
  }));
}

}  // namespace crossmill::overview
