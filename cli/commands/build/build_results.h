// What `crossmill build` does with the image of a build that has succeeded: files, Docker, registries.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/session.h"
#include "cli/show/progress.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::cli {

// Nothing of what follows is done for a build that has not succeeded. Errors have the exit code of the farm's
// fault, or of what is not permitted: the build itself is done and well.

// -o, and --load if it is to be done.
absl::Status WriteOutputs(Session& session, const v1::BuildView& build,
                          absl::Span<const OutputTarget> outputs, bool load);
// --push: each of its names.
absl::Status PushNames(Session& session, const v1::BuildView& build, Progress& progress);

}  // namespace crossmill::cli
