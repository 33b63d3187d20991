#include "coordinator/forecast/forecaster.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/matrix/comparison.h"
#include "common/predict/matrix/prediction.h"
#include "common/words/platform.h"
#include "coordinator/engine/planning/cache_domain.h"
#include "coordinator/forecast/past_compiles.h"
#include "coordinator/forecast/plan_forecast.h"

namespace crossmill::coordinator {

absl::StatusOr<v1::Forecast> Forecaster::Predict(const v1::BuildSubmission& submission,
                                                 const ForecastCalls& calls) {
  if (submission.options().platforms().empty())
    return absl::InvalidArgumentError("a prediction is for one platform or more");
  PlanForecast forecasts({{cache_, layers_, planning_parts_.blobs}, indexes_},
                         {.since = 0,
                          .no_cache = false,
                          .as_of = std::nullopt,
                          .stop = calls.stop,
                          .on_progress = calls.on_progress});
  v1::Forecast forecast;
  absl::Status failed;
  size_t planned = 0;
  // Of all platforms together, as in a build.
  pattern::Effort effort(planning_parts_.limits.effort, calls.stop);
  for (const v1::Platform& platform : submission.options().platforms()) {
    // Each for itself: what one lacks is no reason to be silent about the others.
    v1::BuildSubmission one = submission;
    one.mutable_options()->clear_platforms();
    *one.mutable_options()->add_platforms() = platform;
    PlanningCalls planning;
    planning.stop = calls.stop;
    planning.effort = &effort;
    absl::StatusOr<v1::BuildPlan> plan = PlanBuild(one, build_platform_, planning_parts_, planning);
    if (absl::IsCancelled(plan.status())) return plan.status();
    if (plan.ok()) SetCacheDomain(submission.project(), &*plan);
    if (!plan.ok()) {
      if (failed.ok()) failed = plan.status();
      v1::PlatformPrediction* nothing = forecast.mutable_prediction()->add_platforms();
      nothing->set_platform(FormatPlatform(platform));
      nothing->set_failure(ValidUtf8(Sv(plan.status().message())));
      continue;
    }
    ++planned;
    for (const v1::CellPlan& cell : plan->cells()) {
      ASSIGN_OR_RETURN(*forecast.mutable_prediction()->add_platforms(), forecasts.Predict(*plan, cell));
    }
  }
  // A recipe that is wrong is so everywhere; a platform that a base lacks is an answer.
  if (planned == 0 && absl::IsInvalidArgument(failed)) return failed;
  for (const std::string& note : forecasts.Notes()) forecast.add_notes(note);
  RETURN_IF_ERROR(AddCached(*forecast.mutable_prediction()));
  RETURN_IF_ERROR(Finish(calls.scope, forecast));
  return forecast;
}

absl::Status Forecaster::AddCached(v1::Prediction& prediction) {
  for (v1::PlatformPrediction& platform : *prediction.mutable_platforms()) {
    for (v1::PredictedStep& step : *platform.mutable_steps()) {
      if (step.cached_execution() == 0) continue;
      ASSIGN_OR_RETURN(const std::vector<v1::PackageOutcome> packages,
                       committed_->Packages(step.cached_execution()));
      std::set<std::string> different;
      for (v1::PredictionDifference& difference : predict::Compare(step, packages)) {
        different.insert(difference.name());
        *step.add_cached_differences() = std::move(difference);
      }
      for (v1::PredictedInstall& install : *step.mutable_installs()) {
        for (v1::PredictedPackage& package : *install.mutable_packages()) {
          if (different.contains(package.name())) package.set_certainty(v1::CERTAINTY_DOUBTFUL);
        }
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Forecast> Forecaster::PredictAgainst(int64_t build, const ForecastCalls& calls) {
  ASSIGN_OR_RETURN(const int64_t seen, reader_.walls().Find(calls.scope, build));
  ASSIGN_OR_RETURN(const v1::BuildView view, reader_.Get(seen));
  ASSIGN_OR_RETURN(const v1::BuildPlan plan, committed_->LoadPlan(view.id()));
  PlanForecast forecasts({{cache_, layers_, planning_parts_.blobs}, indexes_},
                         {.since = view.created_at(),
                          .no_cache = view.options().no_cache(),
                          .as_of = absl::FromUnixNanos(view.created_at()),
                          .stop = calls.stop,
                          .on_progress = calls.on_progress});
  v1::Forecast forecast;
  forecast.set_build_id(view.id());
  for (const v1::CellPlan& cell : plan.cells()) {
    ASSIGN_OR_RETURN(*forecast.mutable_prediction()->add_platforms(), forecasts.Predict(plan, cell));
  }
  for (const std::string& note : forecasts.Notes()) forecast.add_notes(note);
  RETURN_IF_ERROR(AddObserved(view, forecast));
  RETURN_IF_ERROR(Finish(calls.scope, forecast));
  return forecast;
}

absl::Status Forecaster::AddObserved(const v1::BuildView& view, v1::Forecast& forecast) {
  for (const v1::PlatformPrediction& platform : forecast.prediction().platforms()) {
    for (const v1::PredictedStep& step : platform.steps()) {
      v1::ObservedStep& observed = *forecast.add_observed();
      observed.set_platform(platform.platform());
      observed.set_line(step.line());
      observed.set_stage(step.stage());
      observed.set_step_number(step.step_number());
      int64_t execution = 0;
      for (const v1::StageView& stage : view.stages()) {
        if (stage.index() != step.stage_index()) continue;
        for (const v1::StepView& row : stage.steps()) {
          if (row.number() == step.step_number()) execution = row.execution();
        }
      }
      if (execution == 0) continue;
      ASSIGN_OR_RETURN(const storage::Execution row, committed_->GetExecution(execution));
      if (!row.finished_at.has_value()) continue;
      observed.set_executed(true);
      ASSIGN_OR_RETURN(const std::vector<v1::PackageOutcome> packages, committed_->Packages(execution));
      for (const v1::PackageOutcome& package : packages) *observed.add_packages() = package;
      for (v1::PredictionDifference& difference : predict::Compare(step, packages))
        *observed.add_differences() = std::move(difference);
    }
  }
  return absl::OkStatus();
}

absl::Status Forecaster::Finish(const core::Scope& scope, v1::Forecast& forecast) {
  *forecast.mutable_matrix() = predict::MatrixOf(forecast.prediction());
  PastCompiles past(*committed_, scope);
  std::set<std::pair<std::string, std::string>> asked;
  for (const v1::PlatformPrediction& platform : forecast.prediction().platforms()) {
    for (const v1::PredictedStep& step : platform.steps()) {
      for (const v1::PredictedInstall& install : step.installs()) {
        for (const v1::PredictedPackage& package : install.packages()) {
          if (package.outcome() != v1::OUTCOME_SOURCE ||
              !asked.insert({package.name(), package.version()}).second)
            continue;
          ASSIGN_OR_RETURN(std::vector<v1::PastCompile> found, past.Find(package.name(), package.version()));
          for (v1::PastCompile& one : found) *forecast.add_past_compiles() = std::move(one);
        }
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
