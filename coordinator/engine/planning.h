// From a submission to a plan: pins the bases, expands the recipe, resolves the context. A job: it
// reads blobs and may pull images.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/plan/planner.h"
#include "coordinator/images/image_store.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

plan::PlanOptions PlanOptionsOf(const v1::BuildOptions& options);

// `on_pinned` is told of each base as it is pinned. INVALID_ARGUMENT or NOT_FOUND with
// FILE:LINE for what is wrong with the recipe; anything else is the farm's fault.
absl::StatusOr<v1::BuildPlan> PlanBuild(const v1::BuildSubmission& submission, ImageStore& images,
                                        BlobStore& blobs,
                                        const std::function<void(const v1::PinnedImage&)>& on_pinned);

}  // namespace crossmill::coordinator
