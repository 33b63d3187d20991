// From a submission to a plan: pins the bases, expands the recipe, fetches what ADD wants from elsewhere,
// resolves context sources. A job: it reads blobs and may pull images.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/plan/planner.h"
#include "common/plan/tree_survey.h"
#include "coordinator/images/image_store.h"
#include "coordinator/sources/remote_sources.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// What one build may ask of planning.
struct PlanningLimits {
  plan::RecipeLimits recipe;
  // Units of pattern::Effort.
  int64_t effort = pattern::Effort::kUsual;
};

// `build_platform`: $BUILDPLATFORM, one for the whole farm, so that its stages are one task and every build
// has the same tools.
plan::PlanOptions PlanOptionsOf(const v1::BuildOptions& options, const v1::Platform& build_platform,
                                const PlanningLimits& limits);

// Told on the job's thread as things happen; each may be empty.
struct PlanningCalls {
  std::function<void(const v1::PinnedImage&)> on_pinned;
  std::function<void(const v1::RemoteSource&)> on_fetched;
  // What is being fetched, bytes so far, all bytes (0: not known).
  std::function<void(const std::string& what, int64_t done, int64_t total)> on_progress;
  // Ends what is being fetched, and the planning with CANCELLED.
  std::stop_token stop;
  // What may be spent where several plans are made for one question; null: each has what the limits say.
  pattern::Effort* effort = nullptr;
};

// What planning works with; the references outlive it.
struct PlanningParts {
  ImageStore& images;
  BlobStore& blobs;
  // Null: ADD of URLs and git repositories is refused.
  RemoteSources* remote = nullptr;
  PlanningLimits limits;
  // Contexts that were measured, for all who have a copy of this.
  std::shared_ptr<plan::KnownTrees> known_trees = std::make_shared<plan::KnownTrees>();
};

// Whose fault it is that something cannot be planned. The recipe's: what it says, what it names and is not
// there, is too large, or may not be read by anybody here. The farm's is what another day or another farm
// would do: a server that does not answer, a full disk.
bool IsFaultOfRecipe(const absl::Status& status);

// Each remote source is fetched once, however many steps and platforms want it. For what is wrong with the
// recipe FILE:LINE:COLUMN is told (IsFaultOfRecipe); CANCELLED when the calls' token is stopped.
absl::StatusOr<v1::BuildPlan> PlanBuild(const v1::BuildSubmission& submission,
                                        const v1::Platform& build_platform, const PlanningParts& parts,
                                        const PlanningCalls& calls);

}  // namespace crossmill::coordinator
