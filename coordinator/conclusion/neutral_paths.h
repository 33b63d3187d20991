// The end of a build of several platforms: what should not depend on the platform is compared between them. A
// job: it reads blobs.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "common/base/blob_store.h"
#include "coordinator/core/build_state.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::coordinator {

// A copy of what it needs, so that the job shares nothing with the engine.
struct NeutralInput {
  struct Cell {
    v1::Platform platform;
    // Of the image, without those of its base, bottom first.
    std::vector<v1::Layer> layers;
  };
  // Empty: there is nothing to compare.
  std::vector<Cell> cells;
  // Globs of --neutral.
  std::vector<std::string> chosen;
};

NeutralInput MakeNeutralInput(const core::BuildState& state);

// What could not be read is told in its problem. Unset platforms: there was nothing to compare.
v1::NeutralComparison CompareNeutralPaths(const NeutralInput& input, BlobStore& blobs,
                                          const std::stop_token& stop);

}  // namespace crossmill::coordinator
