// Spans of time as people write them on the command line.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill {

// "90s", "30m", "12h", "7d", "4w". INVALID_ARGUMENT names what was expected; at most 100 years.
absl::StatusOr<absl::Duration> ParseAge(std::string_view text);

}  // namespace crossmill
