#include "coordinator/wheels/compile_ahead.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// Each round makes known what the packages of the one before require.
constexpr int kMostRounds = 5;

v1::BuildSubmission SubmissionFor(const core::BuildState& state, int stage, int index) {
  const v1::BuildOptions& options = state.view().options();
  const v1::BuildPlan& plan = state.plan();
  const v1::SourceRange& range = plan.stages(stage).steps(index).range();
  v1::BuildSubmission submission;
  submission.set_project(state.view().project());
  v1::BuildOptions& own = *submission.mutable_options();
  *own.add_platforms() = plan.stages(stage).platform();
  own.set_forbid_emulation(options.forbid_emulation());
  own.set_accelerate(options.accelerate());
  own.set_no_cache(options.no_cache());
  own.set_timeout(options.timeout());
  own.set_step_timeout(options.step_timeout());
  if (options.has_step_bounds()) *own.mutable_step_bounds() = options.step_bounds();
  v1::WheelsSubmission& wheels = *submission.mutable_wheels();
  wheels.set_ahead_of(state.id());
  wheels.set_place(fmt::format("{}:{}", range.file(), range.first_line()));
  *wheels.mutable_platform() = plan.stages(stage).platform();
  for (const v1::Layer& layer : state.ChainBefore(stage, index)) *wheels.add_root() = layer;
  wheels.set_epoch(plan.epoch());
  wheels.set_strict_epoch(plan.strict_epoch());
  wheels.set_keep_times(plan.keep_times());
  return submission;
}

}  // namespace

bool CompileAhead::Wanted(const core::BuildState& state, int stage, int index) const {
  const v1::BuildOptions& options = state.view().options();
  // A recorded plan may be of a time when there was a planner.
  if (indexes_.empty() || (options.no_compile_ahead() && options.no_wheel_cache())) return false;
  return state.plan().stages(stage).steps(index).may_compile();
}

void CompileAhead::Know(const v1::WorkerInfo& worker) {
  const bool same =
      std::equal(indexes_.begin(), indexes_.end(), worker.index_urls().begin(), worker.index_urls().end());
  if (same) {
    others_.erase(worker.name());
  } else {
    others_.insert(worker.name());
  }
}

int CompileAhead::LastStep(const core::BuildState& state, int stage, int first) const {
  const int steps = state.plan().stages(stage).steps_size();
  for (int i = first + 1; i < steps; ++i) {
    if (Wanted(state, stage, i)) return i - 1;
  }
  return steps - 1;
}

bool CompileAhead::Hold(const core::BuildState& state, int stage, int index) {
  const v1::StagePlan& plan = state.plan().stages(stage);
  if (index >= plan.steps_size() || !Wanted(state, stage, index)) return false;
  const Place place{state.id(), stage, index};
  if (!waiting_.contains(place) && !others_.empty()) return false;
  const auto [found, is_new] = waiting_.try_emplace(place);
  Waiting& waiting = found->second;
  if (!is_new) return !waiting.done;
  const v1::BuildOptions& options = state.view().options();
  waiting.began = calls_.now();
  waiting.submission = SubmissionFor(state, stage, index);
  waiting.may_compile = !options.no_compile_ahead();
  waiting.question.run = state.ResolveStep(stage, index).run();
  waiting.question.platform = plan.platform();
  waiting.question.project = state.view().project();
  waiting.question.root = state.ChainBefore(stage, index);
  if (!state.plan().keep_times()) waiting.question.source_date_epoch = state.plan().epoch();
  waiting.question.use_kept = !options.no_wheel_cache() && !options.no_cache();
  waiting.question.forbid_emulation = options.forbid_emulation();
  Ask(place);
  return true;
}

std::vector<v1::FarmWheel> CompileAhead::WheelsFor(int64_t build, int stage, int index) const {
  std::vector<v1::FarmWheel> wheels;
  const auto found = waiting_.find({build, stage, index});
  if (found == waiting_.end()) return wheels;
  for (const storage::FarmWheelRow& row : found->second.offered) {
    if (MayUse(row)) wheels.push_back(row.wheel);
  }
  return wheels;
}

bool CompileAhead::MayUse(const storage::FarmWheelRow& row) const {
  const auto may_use = records_.MayUse(row.wheel.execution());
  return may_use.ok() && *may_use;
}

CompileAhead::Waiting* CompileAhead::Find(const Place& place) {
  const auto found = waiting_.find(place);
  return found == waiting_.end() ? nullptr : &found->second;
}

void CompileAhead::Ask(const Place& place) {
  Waiting& waiting = waiting_.at(place);
  ++waiting.rounds;
  waiting.question.compiled = waiting.offered;
  calls_.ask(place.build, waiting.question,
             [this, place](absl::StatusOr<AheadAnswer> answer) { Answered(place, std::move(answer)); });
}

void CompileAhead::Answered(const Place& place, absl::StatusOr<AheadAnswer> answer) {
  Waiting* waiting = Find(place);
  if (waiting == nullptr || waiting->done) return;
  if (!answer.ok()) {
    LogInfo("build={} stage={} step={} nothing is compiled ahead: {}", place.build, place.stage, place.index,
            Sv(answer.status().message()));
    return Finish(place, *waiting);
  }
  if (!answer->note.empty()) LogInfo("build={} {}", place.build, answer->note);
  for (storage::FarmWheelRow& row : answer->kept) {
    waiting->kept_seconds += row.wheel.seconds();
    waiting->offered.push_back(std::move(row));
  }
  waiting->ask_again = answer->ask_again && waiting->rounds < kMostRounds;
  if (!answer->missing.empty() && waiting->may_compile) return Compile(place, *waiting, *answer);
  if (waiting->ask_again && !answer->kept.empty()) return Ask(place);
  Finish(place, *waiting);
}

void CompileAhead::Compile(const Place& place, Waiting& waiting, const AheadAnswer& answer) {
  v1::BuildSubmission submission = waiting.submission;
  for (const v1::WheelCompilation& compilation : answer.missing) {
    *submission.mutable_wheels()->add_compilations() = compilation;
  }
  const auto build = calls_.submit(submission);
  if (!build.ok()) {
    LogWarning("build={} nothing is compiled ahead: {}", place.build, Sv(build.status().message()));
    return Finish(place, waiting);
  }
  waiting.compiling = *build;
  waiting.asked_for += answer.missing.size();
  compiling_[*build] = place;
  calls_.tell(place.build, fmt::format("{}: {} {} compiled ahead of it, by build {}",
                                       submission.wheels().place(), answer.missing.size(),
                                       answer.missing.size() == 1 ? "package is" : "packages are", *build));
}

void CompileAhead::Ended(const v1::WheelsSubmission& wheels, int64_t build, std::vector<CompiledStep> steps) {
  const auto found = compiling_.extract(build);
  if (!found) return;
  const Place place = found.mapped();
  Waiting* waiting = Find(place);
  if (waiting == nullptr) return;
  waiting->compiling = 0;
  calls_.harvest(place.build, {wheels, build, std::move(steps)},
                 [this, place, build](std::vector<storage::FarmWheelRow> rows) {
                   Harvested(place, build, std::move(rows));
                 });
}

void CompileAhead::Harvested(const Place& place, int64_t build, std::vector<storage::FarmWheelRow> rows) {
  Waiting* waiting = Find(place);
  if (waiting == nullptr || waiting->done) return;
  // It may have been distrusted while its wheel was taken out of its layer.
  std::erase_if(rows, [this](const storage::FarmWheelRow& row) { return !MayUse(row); });
  const bool any = !rows.empty();
  for (storage::FarmWheelRow& row : rows) {
    // The step cache may have had it, or another build was at it.
    (row.wheel.build() == build ? waiting->compiled_seconds : waiting->kept_seconds) += row.wheel.seconds();
    if (!row.key.empty()) {
      const auto id = Keep(row);
      if (id.ok()) {
        row.id = *id;
      } else {
        LogError("the wheel {} is not kept: {}", row.wheel.file_name(), Sv(id.status().message()));
      }
    }
    waiting->offered.push_back(std::move(row));
  }
  if (any && waiting->ask_again) {
    Ask(place);
  } else {
    Finish(place, *waiting);
  }
}

absl::StatusOr<int64_t> CompileAhead::Keep(const storage::FarmWheelRow& row) {
  ASSIGN_OR_RETURN(const std::vector<storage::FarmWheelRow> kept, records_.WithKey(row.key));
  for (const storage::FarmWheelRow& other : kept) {
    if (other.wheel.file().hash() == row.wheel.file().hash()) return other.id;
  }
  return records_.Insert(row);
}

void CompileAhead::Finish(const Place& place, Waiting& waiting) {
  waiting.done = true;
  for (const storage::FarmWheelRow& row : waiting.offered) {
    if (row.id != 0) records_.NoteUse(row.id, calls_.now()).IgnoreError();  // only counted
  }
  const std::string& where = waiting.submission.wheels().place();
  if (waiting.asked_for > 0) {
    const double waited = static_cast<double>(calls_.now() - waiting.began) / 1e9;
    calls_.tell(place.build, fmt::format("{}: {:.1f} s of compiling were done ahead of it in {:.1f} s", where,
                                         waiting.compiled_seconds, waited));
  }
  if (waiting.kept_seconds > 0) {
    calls_.tell(place.build, fmt::format("{}: wheels that the farm has spare it {:.1f} s of compiling", where,
                                         waiting.kept_seconds));
  }
  waiting.question = {};
  calls_.go_on({place.build, place.stage, 0});
}

void CompileAhead::Forget(int64_t build) {
  std::vector<int64_t> compiling;
  for (auto it = waiting_.lower_bound({build, 0, 0}); it != waiting_.end() && it->first.build == build;) {
    if (it->second.compiling != 0) compiling.push_back(it->second.compiling);
    it = waiting_.erase(it);
  }
  for (const int64_t child : compiling) {
    compiling_.erase(child);
    calls_.cancel(child);
  }
}

}  // namespace crossmill::coordinator
