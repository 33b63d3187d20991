#include "coordinator/overview/wall_row.h"

#include <algorithm>
#include <string_view>

#include "common/words/platform.h"
#include "coordinator/core/build_history.h"
#include "coordinator/core/recipe_identity.h"
#include "coordinator/core/standing/scope.h"

namespace crossmill::overview {
namespace {

// What a build means for a person.
enum class State { kNothing, kWell, kFailed, kFarm, kDiffers, kFlaky, kDrift };

// Of a letter of v1.WallCell.strip.
State StateOf(char mark) {
  switch (mark) {
    case 's':
    case 'c':
      return State::kWell;
    case 'u':
      return State::kDiffers;
    case 'y':
      return State::kFlaky;
    case 'd':
      return State::kDrift;
    case 'f':
    case 't':
      return State::kFailed;
    case 'i':
      return State::kFarm;
    default:
      return State::kNothing;
  }
}

// The last one that says something.
State NewestState(std::string_view strip) {
  for (auto mark = strip.rbegin(); mark != strip.rend(); ++mark) {
    if (StateOf(*mark) != State::kNothing) return StateOf(*mark);
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

char MarkOf(const v1::BuildView& view, const v1::CellView& cell) {
  switch (cell.status()) {
    case v1::BUILD_STATUS_SUCCEEDED:
      break;
    case v1::BUILD_STATUS_FAILED:
      return 'f';
    case v1::BUILD_STATUS_TIMED_OUT:
      return 't';
    case v1::BUILD_STATUS_INFRASTRUCTURE_FAILED:
      return 'i';
    default:
      return 'x';
  }
  switch (cell.comparison().verdict()) {
    case v1::VERDICT_UNREPRODUCIBLE:
      return 'u';
    case v1::VERDICT_FLAKY:
      return 'y';
    case v1::VERDICT_INPUT_DRIFT:
      return 'd';
    default:
      return IsCached(view, cell) ? 'c' : 's';
  }
}

v1::WallCell& CellOf(const v1::Platform& platform, v1::WallRow* row) {
  for (v1::WallCell& cell : *row->mutable_cells()) {
    if (SamePlatform(cell.platform(), platform)) return cell;
  }
  v1::WallCell& cell = *row->add_cells();
  *cell.mutable_platform() = platform;
  return cell;
}

void SetNewest(const v1::BuildView& view, const v1::CellView& from, v1::WallCell* cell) {
  const v1::CellComparison& comparison = from.comparison();
  cell->set_build_id(view.id());
  cell->set_status(from.status());
  cell->set_verdict(comparison.verdict() == v1::VERDICT_UNSPECIFIED ? v1::VERDICT_UNVERIFIED
                                                                    : comparison.verdict());
  cell->set_seconds(from.seconds());
  cell->set_message(from.message().empty() && from.status() != v1::BUILD_STATUS_SUCCEEDED ? view.message()
                                                                                          : from.message());
  cell->set_reason(comparison.reason());
  cell->set_hosts(comparison.hosts());
  cell->set_executions(comparison.executions());
  uint32_t paths = 0;
  for (const v1::StepComparison& step : comparison.steps()) {
    if (!step.agrees() && step.reaches_image()) paths = std::max(paths, step.differences_total());
  }
  cell->set_differing_paths(paths);
}

// Keeps the strip in the order of the builds; whether there was a place.
bool PutIntoStrip(int64_t build, char mark, float seconds, v1::WallCell* cell) {
  auto& builds = *cell->mutable_strip_builds();
  const auto place = std::lower_bound(builds.begin(), builds.end(), build);
  if (place != builds.end() && *place == build) return false;
  if (builds.size() == kStrip && place == builds.begin()) return false;
  const auto at = place - builds.begin();
  auto& all_seconds = *cell->mutable_strip_seconds();
  builds.Add(build);
  std::rotate(builds.begin() + at, builds.end() - 1, builds.end());
  all_seconds.Add(seconds);
  std::rotate(all_seconds.begin() + at, all_seconds.end() - 1, all_seconds.end());
  cell->mutable_strip()->insert(static_cast<size_t>(at), 1, mark);
  if (builds.size() <= kStrip) return true;
  builds.erase(builds.begin());
  all_seconds.erase(all_seconds.begin());
  cell->mutable_strip()->erase(0, 1);
  return true;
}

// Whether the state of the platform is another one since.
bool AddPoint(const v1::BuildView& view, const v1::CellView& from, v1::WallCell* cell) {
  const State before = NewestState(cell->strip());
  const char mark = MarkOf(view, from);
  if (!PutIntoStrip(view.id(), mark, static_cast<float>(from.seconds()), cell)) return false;
  cell->set_emulated(cell->emulated() || from.emulated());
  if (*cell->strip_builds().rbegin() != view.id()) return false;
  SetNewest(view, from, cell);
  // The first build is a change where there is something to look at.
  return StateOf(mark) != State::kNothing &&
         StateOf(mark) != (before == State::kNothing ? State::kWell : before);
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
        return *a.strip_builds().rbegin() < *b.strip_builds().rbegin();
      });
  cells.erase(oldest);
}

}  // namespace

std::string RowKeyOf(const v1::BuildSubmission& submission) {
  const core::RecipeIdentity identity = core::IdentifyRecipe(submission);
  if (!identity.recipe.empty()) return identity.recipe;
  const v1::Recipe& recipe = submission.recipe();
  return core::InProject(submission.project(),
                         identity.label + (recipe.target().empty() ? "" : ", target " + recipe.target()));
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
    const State state = NewestState(cell.strip());
    return state != State::kWell && state != State::kNothing;
  }));
}

}  // namespace crossmill::overview
