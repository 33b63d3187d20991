// Times and dates as people write them for a build. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill {

// "2024-05-01" (its beginning, UTC) or a time as RFC 3339 has it, in seconds since 1970. INVALID_ARGUMENT.
absl::StatusOr<int64_t> ParseDate(const std::string& text);
// "90", "90s", "45m", "1h30m": whole seconds, more than 0.
absl::StatusOr<uint32_t> ParseTimeout(std::string_view text, std::string_view flag);

}  // namespace crossmill
