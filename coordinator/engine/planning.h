// From a submission to a plan: pins the bases, expands the recipe, fetches what ADD wants from elsewhere,
// resolves context sources. A job: it reads blobs and may pull images.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/plan/planner.h"
#include "coordinator/images/image_store.h"
#include "coordinator/sources/remote_sources.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// `build_platform`: $BUILDPLATFORM, one for the whole farm, so that its stages are one task and every build
// has the same tools.
plan::PlanOptions PlanOptionsOf(const v1::BuildOptions& options, const v1::Platform& build_platform);

// Told on the job's thread as things happen; each may be empty.
struct PlanningCalls {
  std::function<void(const v1::PinnedImage&)> on_pinned;
  std::function<void(const v1::RemoteSource&)> on_fetched;
  // What is being fetched, bytes so far, all bytes (0: not known).
  std::function<void(const std::string& what, int64_t done, int64_t total)> on_progress;
  // Ends what is being fetched, and the planning with CANCELLED.
  std::stop_token stop;
};

// What planning reads from. Not owned.
struct PlanningStores {
  ImageStore& images;
  BlobStore& blobs;
  // Null: ADD of URLs and git repositories is refused.
  RemoteSources* remote = nullptr;
};

// Each remote source is fetched once, however many steps and platforms want it. INVALID_ARGUMENT or NOT_FOUND
// with FILE:LINE:COLUMN for what is wrong with the recipe; anything else is the farm's fault.
absl::StatusOr<v1::BuildPlan> PlanBuild(const v1::BuildSubmission& submission,
                                        const v1::Platform& build_platform, const PlanningStores& stores,
                                        const PlanningCalls& calls);

}  // namespace crossmill::coordinator
