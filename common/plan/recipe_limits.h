// How large a build may be. What is larger is refused before anything is planned for it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "common/dockerfile/outline.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// Each some ten times what the largest known recipes have. Settings of the coordinator (docs/operations.md).
struct RecipeLimits {
  size_t dockerfile_bytes = size_t{4} << 20;
  size_t instructions = 10'000;
  size_t stages = 1'000;
  size_t platforms = 32;
  size_t build_arguments = 1'000;
  size_t contexts = 200;
  // Of all stages on all platforms.
  size_t steps = 20'000;
  // Of one stage with its base. Linux mounts at most 500 folders over each other, and below the layers is an
  // empty one.
  size_t layers = 499;
  // Files, folders and links below a folder that a step copies.
  int64_t context_entries = 5'000'000;
};

// INVALID_ARGUMENT says how many there are and how many there may be.
absl::Status CheckBeforeReading(const v1::Recipe& recipe, size_t platforms, const RecipeLimits& limits);
absl::Status CheckOutline(const dockerfile::Outline& outline, const RecipeLimits& limits);

}  // namespace crossmill::plan
