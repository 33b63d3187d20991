// What a submission may say besides its recipe's text. The command line gives only what passes; other
// programs may say anything, and are told what is wrong before there is a build. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

inline constexpr uint32_t kMostExecutions = 16;
// The last second of the year 9999: later times have no form in image configs (RFC 3339).
inline constexpr int64_t kLatestTime = 253402300799;

// INVALID_ARGUMENT names the field, what it says and what was expected. Image names and annotations are the
// caller's.
absl::Status CheckOptions(const v1::BuildOptions& options);

// The same of a recipe's fields, its texts apart: names, digests, times.
absl::Status CheckRecipeFields(const v1::Recipe& recipe);

// Of what RLIMIT_... there is a ulimit: "nofile".
bool IsUlimitName(std::string_view name);

// 1 to 22 for zstd, 1 to 12 for gzip.
absl::Status CheckCompressionLevel(v1::Compression compression, int64_t level);

}  // namespace crossmill::plan
