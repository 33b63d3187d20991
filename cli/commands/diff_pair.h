// crossmill diff with two arguments: two recorded builds, or two images of the farm's store.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "cli/session/session.h"

namespace crossmill::cli {

struct DiffPairFlags {
  // Two builds as for ParseBuildId, or two images by name or "sha256:...".
  std::string first;
  std::string second;
  // As --platform has it; empty: all.
  std::string platform;
  // Differing paths that are told of a step, or of an image.
  size_t paths = 1000;
};

// Prints the comparison. The exit code says whether it could be made, not what it found. INVALID_ARGUMENT: a
// build and an image.
absl::StatusOr<int> DiffPair(Session& session, const DiffPairFlags& flags);

}  // namespace crossmill::cli
