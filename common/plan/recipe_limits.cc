#include "common/plan/recipe_limits.h"

#include <string_view>

#include "common/base/status.h"

namespace crossmill::plan {
namespace {

absl::Status AtMost(std::string_view whose, std::string_view what, size_t count, size_t most) {
  if (count <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: {} {}; this farm takes at most {}", whose, count, what, most));
}

}  // namespace

absl::Status CheckBeforeReading(const v1::Recipe& recipe, size_t platforms, const RecipeLimits& limits) {
  RETURN_IF_ERROR(AtMost("the Dockerfile", "bytes", recipe.dockerfile().size(), limits.dockerfile_bytes));
  RETURN_IF_ERROR(AtMost("the build", "platforms", platforms, limits.platforms));
  RETURN_IF_ERROR(AtMost("the build", "build arguments", static_cast<size_t>(recipe.build_arguments_size()),
                         limits.build_arguments));
  return AtMost("the build", "build contexts", static_cast<size_t>(recipe.contexts_size()), limits.contexts);
}

absl::Status CheckOutline(const dockerfile::Outline& outline, const RecipeLimits& limits) {
  const std::string_view file = outline.document.file;
  RETURN_IF_ERROR(AtMost(file, "stages", outline.stages.size(), limits.stages));
  return AtMost(file, "instructions", outline.document.instructions.size(), limits.instructions);
}

}  // namespace crossmill::plan
