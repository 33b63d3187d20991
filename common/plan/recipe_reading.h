// A recipe's stages as every wanted platform sees them, and the base images they need: FindBases and MakePlan
// both start from this.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/plan/planner.h"
#include "common/plan/stage_graph.h"

namespace crossmill::plan {

// Reference (of a layout: its digest) and platform.
using BaseKey = std::pair<std::string, std::string>;
BaseKey KeyOf(const ImageName& image, const v1::Platform& platform);

struct RecipeReading {
  dockerfile::Outline outline;
  // On the heap: the views point to it.
  std::unique_ptr<const NamedContexts> contexts;
  dockerfile::Variables given;
  size_t target = 0;
  // Stages that are executed anew.
  std::set<size_t> uncached;
  // One per wanted platform, in order, each once.
  std::vector<PlatformView> views;
  // Parallel: reachable stages.
  std::vector<std::vector<bool>> reachable;
  // Each once. Those that triggers of known bases need come behind those that need no config to be seen.
  std::vector<BaseNeed> needs;
  // Parallel to `needs`.
  std::vector<BaseKey> keys;
};

// Without SOURCE_DATE_EPOCH resolved, reachable stages and needs.
absl::StatusOr<RecipeReading> ReadStages(const v1::Recipe& recipe, const PlanOptions& options);

// `known` is parallel to the beginning of `needs`. `recipe` must outlive the result.
absl::StatusOr<RecipeReading> ReadRecipe(const v1::Recipe& recipe, const PlanOptions& options,
                                         absl::Span<const v1::PinnedImage> known);

}  // namespace crossmill::plan
