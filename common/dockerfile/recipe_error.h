// How errors of a recipe are written, and near misses for names.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace crossmill::dockerfile {

// A place in a recipe; line and column are counted from 1, column 0 means the whole line.
struct Place {
  std::string_view file;
  uint32_t line = 0;
  uint32_t column = 0;
};

// INVALID_ARGUMENT "FILE:LINE:COLUMN: message". Messages read "what is wrong; what was expected".
absl::Status RecipeError(const Place& place, std::string_view message);

// "; did you mean NAME?" for the candidate that differs least from `name` (at most a third of its
// letters, case apart), else "".
std::string DidYouMean(std::string_view name, absl::Span<const std::string> candidates);

}  // namespace crossmill::dockerfile
