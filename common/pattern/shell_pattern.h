// Patterns of ${x#p}, ${x%p} and ${x/p/w}: `*`, `?`, and `\` before `*`, `?`, `\`, `/` or `}`.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/pattern/effort.h"

namespace crossmill::pattern {

// All take as many units of `effort` (null: unlimited) as the product of both lengths, whatever the pattern
// is.
//
// `value` without the shortest or longest prefix (suffix) that matches; whole if none does.
// INVALID_ARGUMENT for an unknown escape.
absl::StatusOr<std::string> WithoutPrefix(std::string_view value, std::string_view pattern, bool longest,
                                          Effort* effort);
absl::StatusOr<std::string> WithoutSuffix(std::string_view value, std::string_view pattern, bool longest,
                                          Effort* effort);

// The first match (each the longest at its place), or all, replaced.
absl::StatusOr<std::string> Replace(std::string_view value, std::string_view pattern,
                                    std::string_view replacement, bool all, Effort* effort);

}  // namespace crossmill::pattern
