// Follows a build's events until it is finished, over lost connections.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "cli/session/environment.h"
#include "cli/show/build_model.h"
#include "cli/show/progress.h"

namespace crossmill::cli {

struct WatchOptions {
  int64_t build_id = 0;
  // Send consoles too.
  bool logs = true;
  // Return when every layer is there: do not wait for an image whose packing takes long.
  bool until_built = false;
};

// Shows every event once in `progress`. Returns the model when the build is finished (or built); CANCELLED
// after a stop request; UNAVAILABLE when the coordinator stayed away for longer than the farm's retries go
// on, else the call's error.
absl::StatusOr<BuildModel> WatchBuild(Farm& farm, const WatchOptions& options, Progress& progress,
                                      std::stop_token stop);

}  // namespace crossmill::cli
