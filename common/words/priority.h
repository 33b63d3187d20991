// --priority of a build: its place among the builds of its project. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill {

inline constexpr int32_t kMostPriority = 100;
// What the words mean; normal is 0.
inline constexpr int32_t kHighPriority = 50;
inline constexpr int32_t kLowPriority = -50;

// "low", "normal", "high", or a whole number from -100 to 100.
absl::StatusOr<int32_t> ParsePriority(std::string_view text);
// "high", "low", "7"; "normal" for 0.
std::string FormatPriority(int32_t priority);
// INVALID_ARGUMENT beyond the bounds.
absl::Status CheckPriority(int32_t priority);

}  // namespace crossmill
