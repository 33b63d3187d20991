#include "coordinator/overview/trend_sums.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/words/platform.h"

namespace crossmill::overview {
namespace {

constexpr double kFirstBucket = 0.1;
constexpr double kGrowth = 1.2;
// Some three weeks.
constexpr int32_t kLastBucket = 92;

v1::PlatformTrend& TrendOf(const v1::Platform& platform, v1::TrendSums* sums) {
  auto& platforms = *sums->mutable_platforms();
  const std::string name = FormatPlatform(platform);
  for (v1::PlatformTrend& trend : platforms) {
    if (FormatPlatform(trend.platform()) == name) return trend;
  }
  *sums->add_platforms()->mutable_platform() = platform;
  std::sort(platforms.begin(), platforms.end(),
            [](const v1::PlatformTrend& left, const v1::PlatformTrend& right) {
              return FormatPlatform(left.platform()) < FormatPlatform(right.platform());
            });
  return *std::find_if(platforms.begin(), platforms.end(), [&](const v1::PlatformTrend& trend) {
    return FormatPlatform(trend.platform()) == name;
  });
}

void CountBuild(v1::BuildStatus status, v1::TrendSums* sums) {
  sums->set_builds(sums->builds() + 1);
  switch (status) {
    case v1::BUILD_STATUS_SUCCEEDED:
      return sums->set_succeeded(sums->succeeded() + 1);
    case v1::BUILD_STATUS_FAILED:
      return sums->set_failed(sums->failed() + 1);
    case v1::BUILD_STATUS_TIMED_OUT:
      return sums->set_timed_out(sums->timed_out() + 1);
    case v1::BUILD_STATUS_CANCELLED:
      return sums->set_cancelled(sums->cancelled() + 1);
    case v1::BUILD_STATUS_INFRASTRUCTURE_FAILED:
      return sums->set_infrastructure_failed(sums->infrastructure_failed() + 1);
    default:
      return;
  }
}

void CountCell(const v1::CellView& cell, v1::PlatformTrend* trend) {
  trend->set_cells(trend->cells() + 1);
  if (cell.emulated()) trend->set_cells_emulated(trend->cells_emulated() + 1);
  if (cell.status() == v1::BUILD_STATUS_FAILED) trend->set_cells_failed(trend->cells_failed() + 1);
  if (cell.status() == v1::BUILD_STATUS_SUCCEEDED) trend->set_seconds(trend->seconds() + cell.seconds());
  switch (cell.comparison().verdict()) {
    case v1::VERDICT_REPRODUCIBLE:
      return trend->set_reproducible(trend->reproducible() + 1);
    case v1::VERDICT_UNREPRODUCIBLE:
      return trend->set_unreproducible(trend->unreproducible() + 1);
    case v1::VERDICT_INPUT_DRIFT:
      return trend->set_input_drift(trend->input_drift() + 1);
    case v1::VERDICT_FLAKY:
      return trend->set_flaky(trend->flaky() + 1);
    case v1::VERDICT_INCONCLUSIVE:
      return trend->set_inconclusive(trend->inconclusive() + 1);
    default:
      return;
  }
}

void CountStep(const v1::StepView& step, const ExecutedSteps& executed, v1::PlatformTrend* trend) {
  if (IsExecuted(step)) {
    trend->set_executed_steps(trend->executed_steps() + 1);
    trend->set_executed_seconds(trend->executed_seconds() + step.seconds());
    const auto known = executed.find(step.execution());
    if (known == executed.end()) return;
    trend->set_compiled_packages(trend->compiled_packages() + known->second.compiled_packages);
    trend->set_compile_seconds(trend->compile_seconds() + known->second.compile_seconds);
  } else if (step.status() == v1::STEP_STATUS_CACHED || step.status() == v1::STEP_STATUS_SHARED) {
    trend->set_cached_steps(trend->cached_steps() + 1);
    trend->set_saved_seconds(trend->saved_seconds() + step.seconds());
  }
}

// When the first of its own executions began; 0: none did.
int64_t FirstStart(const v1::BuildView& view, const ExecutedSteps& executed) {
  int64_t first = 0;
  for (const auto& [id, step] : executed) {
    if (step.build == view.id() && (first == 0 || step.started_at < first)) first = step.started_at;
  }
  return first;
}

void Add(const v1::PlatformTrend& more, v1::PlatformTrend* to) {
  to->set_cells(to->cells() + more.cells());
  to->set_cells_failed(to->cells_failed() + more.cells_failed());
  to->set_cells_emulated(to->cells_emulated() + more.cells_emulated());
  to->set_seconds(to->seconds() + more.seconds());
  to->set_reproducible(to->reproducible() + more.reproducible());
  to->set_unreproducible(to->unreproducible() + more.unreproducible());
  to->set_input_drift(to->input_drift() + more.input_drift());
  to->set_flaky(to->flaky() + more.flaky());
  to->set_inconclusive(to->inconclusive() + more.inconclusive());
  to->set_executed_steps(to->executed_steps() + more.executed_steps());
  to->set_executed_seconds(to->executed_seconds() + more.executed_seconds());
  to->set_cached_steps(to->cached_steps() + more.cached_steps());
  to->set_saved_seconds(to->saved_seconds() + more.saved_seconds());
  to->set_compiled_packages(to->compiled_packages() + more.compiled_packages());
  to->set_compile_seconds(to->compile_seconds() + more.compile_seconds());
}

}  // namespace

bool IsExecuted(const v1::StepView& step) {
  return step.execution() != 0 &&
         (step.status() == v1::STEP_STATUS_EXECUTED || step.status() == v1::STEP_STATUS_FAILED);
}

void AddToSums(const v1::BuildView& view, const ExecutedSteps& executed, v1::TrendSums* sums) {
  for (const v1::StageView& stage : view.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      if (IsExecuted(step) || step.status() == v1::STEP_STATUS_CACHED ||
          step.status() == v1::STEP_STATUS_SHARED)
        CountStep(step, executed, &TrendOf(stage.platform(), sums));
    }
  }
  // One that compiles for another is work, and no build that anybody asked for.
  if (view.ahead_of() != 0) return;
  CountBuild(view.status(), sums);
  for (const v1::CellView& cell : view.cells()) CountCell(cell, &TrendOf(cell.platform(), sums));
  const int64_t start = FirstStart(view, executed);
  if (start == 0) return;
  ++(*sums->mutable_waits())[WaitBucket(static_cast<double>(start - view.created_at()) / 1e9)];
}

void AddSums(const v1::TrendSums& more, v1::TrendSums* sums) {
  sums->set_builds(sums->builds() + more.builds());
  sums->set_succeeded(sums->succeeded() + more.succeeded());
  sums->set_failed(sums->failed() + more.failed());
  sums->set_timed_out(sums->timed_out() + more.timed_out());
  sums->set_cancelled(sums->cancelled() + more.cancelled());
  sums->set_infrastructure_failed(sums->infrastructure_failed() + more.infrastructure_failed());
  for (const v1::PlatformTrend& platform : more.platforms())
    Add(platform, &TrendOf(platform.platform(), sums));
  for (const auto& [bucket, builds] : more.waits()) (*sums->mutable_waits())[bucket] += builds;
}

int32_t WaitBucket(double seconds) {
  if (!(seconds > kFirstBucket)) return 0;
  return std::min(kLastBucket,
                  static_cast<int32_t>(std::ceil(std::log(seconds / kFirstBucket) / std::log(kGrowth))));
}

double WaitQuantile(const v1::TrendSums& sums, double share) {
  const std::map<int32_t, int64_t> waits(sums.waits().begin(), sums.waits().end());
  int64_t builds = 0;
  for (const auto& [bucket, count] : waits) builds += count;
  int64_t left = static_cast<int64_t>(std::ceil(share * static_cast<double>(builds)));
  for (const auto& [bucket, count] : waits) {
    left -= count;
    // The middle of a bucket, by ratio.
    if (left <= 0) return bucket == 0 ? kFirstBucket : kFirstBucket * std::pow(kGrowth, bucket - 0.5);
  }
  return 0;
}

}  // namespace crossmill::overview
