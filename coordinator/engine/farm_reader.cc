#include "coordinator/engine/farm_reader.h"

#include <algorithm>
#include <set>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"
#include "coordinator/core/package_changes.h"
#include "coordinator/core/recipe_identity.h"
#include "coordinator/overview/listed_build.h"
#include "coordinator/storage/trust/trust_records.h"

namespace crossmill::coordinator {
namespace {

std::vector<core::PlacedPackage> OfCell(const std::vector<LocatedPackage>& packages,
                                        const v1::CellView& cell) {
  std::vector<core::PlacedPackage> placed;
  for (const LocatedPackage& package : packages) {
    if (std::find(cell.stages().begin(), cell.stages().end(), package.stage) == cell.stages().end()) continue;
    placed.push_back({package.platform, package.execution, package.outcome});
  }
  return placed;
}

v1::RemedyPlace PlaceOf(const v1::StageView& stage, const v1::StepView& step) {
  v1::RemedyPlace place;
  place.set_text(step.text());
  // A trigger has the place of the FROM that brings it.
  if (step.range().first_line() != stage.from_range().first_line()) *place.mutable_range() = step.range();
  return place;
}

}  // namespace

absl::StatusOr<v1::BuildView> FarmReader::Load(int64_t id) {
  if (id == 0) {
    ASSIGN_OR_RETURN(id, records_.LatestBuild());
  }
  const auto running = builds_.find(id);
  if (running != builds_.end()) return running->second->state.view();
  return records_.LoadView(id);
}

absl::StatusOr<v1::BuildView> FarmReader::Get(int64_t build) {
  int64_t id = build;
  if (id == 0) {
    ASSIGN_OR_RETURN(id, committed_->LatestBuild());
  }
  ASSIGN_OR_RETURN(v1::BuildView view, committed_->LoadView(id));
  if (!IsFinished(view.status())) {
    ASSIGN_OR_RETURN(view, loop_.Call<v1::BuildView>([this, id] { return Load(id); }));
  }
  RETURN_IF_ERROR(MarkDistrusted(&view));
  return view;
}

absl::StatusOr<std::vector<std::string>> FarmReader::Waits(int64_t build) {
  constexpr size_t kMostAsked = 20;
  using Tasks = std::vector<core::TaskId>;
  ASSIGN_OR_RETURN(const Tasks tasks, loop_.Call<Tasks>([this, build]() -> absl::StatusOr<Tasks> {
    Tasks queued;
    if (!builds_.contains(build)) return queued;
    for (const auto& [task, attempt] : board_.all()) {
      if (attempt.lease != 0 || attempt.held_since) continue;
      const std::vector<core::StageRunId> runs = attempt.Runs();
      const bool theirs = std::any_of(runs.begin(), runs.end(),
                                      [&](const core::StageRunId& run) { return run.build == build; });
      if (theirs) queued.push_back(task);
      if (queued.size() >= kMostAsked) break;
    }
    return queued;
  }));
  std::vector<std::string> waits;
  for (const core::TaskId task : tasks) {
    std::string why = scheduler_.WhyWaiting(task);
    if (!why.empty() && std::find(waits.begin(), waits.end(), why) == waits.end())
      waits.push_back(std::move(why));
  }
  return waits;
}

absl::Status FarmReader::MarkDistrusted(v1::BuildView* view) {
  std::set<int64_t> executions;
  for (const v1::StageView& stage : view->stages()) {
    for (const v1::StepView& step : stage.steps()) {
      if (step.execution() != 0) executions.insert(step.execution());
    }
  }
  ASSIGN_OR_RETURN(const std::set<int64_t> taken,
                   storage::TrustRecords(committed_->connection()).TakenBack(executions));
  if (taken.empty()) return absl::OkStatus();
  for (v1::StageView& stage : *view->mutable_stages()) {
    for (v1::StepView& step : *stage.mutable_steps()) {
      if (taken.contains(step.execution())) step.set_distrusted(true);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::BuildSubmission> FarmReader::Submission(int64_t build) {
  int64_t id = build;
  if (id == 0) {
    ASSIGN_OR_RETURN(id, committed_->LatestBuild());
  }
  return committed_->LoadSubmission(id);
}

absl::StatusOr<storage::BuildList::Page> FarmReader::List(const core::Scope& scope,
                                                          const filter::Filter& filter, int64_t before,
                                                          int limit, int64_t now_ns) {
  Headlines headlines;
  {
    MutexLock lock(mutex_);
    headlines = headlines_;
  }
  const auto wanted = [&](const v1::BuildSubmission& submission, v1::BuildView* view) {
    if (!scope.Sees(submission)) return false;
    const auto headline = headlines.find(view->id());
    if (headline != headlines.end()) *view = *headline->second;
    if (!overview::Matches(filter, overview::FactsOf(submission, *view, now_ns))) return false;
    overview::KeepHeadline(view);
    return true;
  };
  // In this order: a build that ends meanwhile is in the second list, too, and counts as ended.
  ASSIGN_OR_RETURN(storage::BuildList::Page running, list_.NotEnded(before, limit, wanted));
  ASSIGN_OR_RETURN(storage::BuildList::Page ended, list_.Ended(filter, before, limit, scope));
  return storage::OneList(std::move(ended), std::move(running), before, limit);
}

absl::StatusOr<std::vector<LocatedStep>> FarmReader::Steps(int64_t build) {
  ASSIGN_OR_RETURN(const v1::BuildView view, Get(build));
  std::vector<LocatedStep> located;
  for (const v1::StageView& stage : view.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      if (step.execution() == 0) continue;
      located.push_back({stage.platform(), stage.index(), stage.name(), step.number(), step.execution(),
                         PlaceOf(stage, step)});
    }
  }
  return located;
}

absl::Status FarmReader::CheckExecution(const core::Scope& scope, int64_t execution) {
  const absl::Status seen = walls_.CheckExecution(scope, execution);
  if (!absl::IsNotFound(seen)) return seen;
  ASSIGN_OR_RETURN(const std::vector<int64_t> builds, walls_.SharedSince(execution));
  for (const int64_t build : builds) {
    ASSIGN_OR_RETURN(const std::vector<LocatedStep> steps, Steps(build));
    const auto is_it = [&](const LocatedStep& step) { return step.execution == execution; };
    if (std::any_of(steps.begin(), steps.end(), is_it)) return absl::OkStatus();
  }
  return seen;
}

absl::StatusOr<std::vector<LocatedPackage>> FarmReader::Packages(int64_t build) {
  ASSIGN_OR_RETURN(const std::vector<LocatedStep> steps, Steps(build));
  std::vector<LocatedPackage> located;
  for (const LocatedStep& step : steps) {
    ASSIGN_OR_RETURN(const std::vector<v1::PackageOutcome> packages, committed_->Packages(step.execution));
    for (const v1::PackageOutcome& package : packages) {
      located.push_back({step.platform, step.stage, step.stage_name, step.step_number, step.execution,
                         package, package.remedy_lines().empty() ? v1::RemedyPlace() : step.place});
    }
  }
  return located;
}

absl::StatusOr<PackageComparison> FarmReader::ComparePackages(int64_t build) {
  ASSIGN_OR_RETURN(const v1::BuildView view, Get(build));
  ASSIGN_OR_RETURN(const v1::BuildSubmission submission, committed_->LoadSubmission(view.id()));
  const core::RecipeIdentity identity = core::IdentifyRecipe(submission);
  PackageComparison comparison;
  if (identity.recipe.empty()) return comparison;
  ASSIGN_OR_RETURN(const std::vector<LocatedPackage> packages, Packages(view.id()));
  std::set<std::string> told;
  for (const v1::CellView& cell : view.cells()) {
    const std::string platform = FormatPlatform(cell.platform());
    ASSIGN_OR_RETURN(
        const std::optional<v1::EarlierBuild> earlier,
        package_queries_.FindEarlier(identity.recipe, identity.arguments, platform, view.created_at()));
    if (!earlier) continue;
    comparison.earlier.push_back(*earlier);
    ASSIGN_OR_RETURN(const v1::BuildView view_before, committed_->LoadView(earlier->build_id()));
    ASSIGN_OR_RETURN(const std::vector<LocatedPackage> packages_before, Packages(earlier->build_id()));
    for (const v1::CellView& cell_before : view_before.cells()) {
      if (!SamePlatform(cell_before.platform(), cell.platform())) continue;
      const bool complete = cell.status() == v1::BUILD_STATUS_SUCCEEDED || IsBuilt(cell);
      for (v1::PackageChange& change : core::ComparePackages(
               OfCell(packages_before, cell_before), OfCell(packages, cell), earlier->build_id(), complete)) {
        // A stage that several platforms share is compared for each of them.
        if (told.insert(change.SerializeAsString()).second) comparison.changes.push_back(std::move(change));
      }
    }
  }
  return comparison;
}

absl::StatusOr<bool> FarmReader::IsRunning(int64_t execution) {
  ASSIGN_OR_RETURN(const storage::Execution row, committed_->GetExecution(execution));
  if (row.finished_at.has_value()) return false;
  return loop_.Call<bool>([this, execution]() -> absl::StatusOr<bool> {
    return std::any_of(board_.all().begin(), board_.all().end(),
                       [&](const auto& entry) { return entry.second.execution == execution; });
  });
}

absl::StatusOr<std::map<core::TaskId, std::string>> FarmReader::TaskNames(const core::Scope& scope,
                                                                          std::vector<core::TaskId> tasks) {
  using Names = std::map<core::TaskId, std::string>;
  if (tasks.empty()) return Names();
  return loop_.Call<Names>([this, &scope, &tasks]() -> absl::StatusOr<Names> {
    const auto seen = [&](const core::StageRunId& run) {
      const auto build = builds_.find(run.build);
      return build != builds_.end() && scope.Sees(build->second->submission);
    };
    Names names;
    for (const core::TaskId task : tasks) {
      const core::Attempt* attempt = board_.Find(task);
      if (attempt == nullptr) continue;
      const std::vector<core::StageRunId> runs = attempt->Runs();
      const bool tells = scope.is_farm() || std::any_of(runs.begin(), runs.end(), seen);
      names[task] = tells ? attempt->task.name() : "a task of another project";
    }
    return names;
  });
}

absl::StatusOr<std::vector<RunningConsole>> FarmReader::Consoles(int64_t build) {
  using Consoles = std::vector<RunningConsole>;
  return loop_.Call<Consoles>([this, build]() -> absl::StatusOr<Consoles> { return ConsolesNow(build); });
}

std::vector<RunningConsole> FarmReader::ConsolesNow(int64_t build) const {
  std::vector<RunningConsole> consoles;
  for (const auto& [task, attempt] : board_.all()) {
    if (attempt.execution == 0) continue;
    for (const core::StageRunId& run : attempt.Runs()) {
      if (run.build != build) continue;
      consoles.push_back({attempt.execution, static_cast<uint32_t>(run.stage), attempt.task.replica()});
    }
  }
  return consoles;
}

bool FarmReader::IsIdle() {
  MutexLock lock(mutex_);
  return headlines_.empty();
}

void FarmReader::Publish(v1::BuildView headline) {
  const int64_t id = headline.id();
  if (headline.ahead_of() == 0) news_.Note(headline);
  auto shared = std::make_shared<const v1::BuildView>(std::move(headline));
  MutexLock lock(mutex_);
  headlines_[id] = std::move(shared);
}

void FarmReader::Forget(int64_t build) {
  MutexLock lock(mutex_);
  const auto found = headlines_.find(build);
  if (found == headlines_.end()) return;
  ++counts_.ended[found->second->status()];
  for (const v1::CellView& cell : found->second->cells()) {
    if (cell.has_comparison()) ++counts_.verdicts[cell.comparison().verdict()];
  }
  headlines_.erase(found);
}

FarmCounts FarmReader::Counts() {
  const int64_t queued = scheduler_.Status().queued;
  MutexLock lock(mutex_);
  FarmCounts counts = counts_;
  counts.tasks_queued = queued;
  for (const auto& [id, headline] : headlines_) ++counts.running[headline->status()];
  return counts;
}

}  // namespace crossmill::coordinator
