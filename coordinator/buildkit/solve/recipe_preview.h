// What a recipe will need of its client, told before it is submitted: which paths of its contexts, which
// bases, which secrets and agents. A client's folder is read over the network, and only what is needed of it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/planner.h"
#include "coordinator/engine/planning.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator::buildkit {

// Of one context: nothing, some paths with the wildcards of COPY, or all of it.
struct NeededPaths {
  bool all = false;
  std::set<std::string> paths;
};

struct RecipePreview {
  // By name of the context; the build's own: "".
  std::map<std::string, NeededPaths> contexts;
  std::set<std::string> secret_ids;
  std::set<std::string> ssh_ids;
  // Those that fetch files or repositories.
  std::vector<v1::Step> remote_steps;
};

using PinNeeded = std::function<absl::StatusOr<v1::PinnedImage>(const plan::BaseNeed&)>;

// Plans as the engine will. Trees of contexts may be missing in the recipe: only whether there is a tree
// counts. Errors are those of planning ("Dockerfile:3:1: ..."), and of `pin`.
absl::StatusOr<RecipePreview> PreviewRecipe(const v1::Recipe& recipe, const v1::BuildOptions& options,
                                            const v1::Platform& build_platform, const PlanningLimits& limits,
                                            const PinNeeded& pin, const std::stop_token& stop);

// A source of COPY as clients filter by it: without "/", "./" and what "a/../" takes back. Empty: all of the
// context.
std::string FilterPath(std::string_view pattern);

}  // namespace crossmill::coordinator::buildkit
