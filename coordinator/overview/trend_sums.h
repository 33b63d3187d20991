// Sums over builds that ended: how many, how, for how long, and what the cache saved. Pure.
#pragma once

#include <cstdint>
#include <map>

#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/overview.pb.h"

namespace crossmill::overview {

// What the record knows of an execution beside what the build's view says.
struct ExecutedStep {
  int64_t started_at = 0;
  // The build that began it.
  int64_t build = 0;
  int64_t compiled_packages = 0;
  double compile_seconds = 0;
};
// By v1.StepView.execution.
using ExecutedSteps = std::map<int64_t, ExecutedStep>;

// The steps of a build that were executed for it: what ExecutedSteps has to hold.
bool IsExecuted(const v1::StepView& step);

// Adds a build that has ended.
void AddToSums(const v1::BuildView& view, const ExecutedSteps& executed, v1::TrendSums* sums);
void AddSums(const v1::TrendSums& more, v1::TrendSums* sums);

// The bucket of v1.TrendSums.waits, and the seconds that `share` of them waited at most.
int32_t WaitBucket(double seconds);
double WaitQuantile(const v1::TrendSums& sums, double share);

}  // namespace crossmill::overview
