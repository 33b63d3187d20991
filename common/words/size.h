// Numbers of bytes as people write them on the command line.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill {

// "65536", "64m", "1.5g", "200G", "2TiB": k, m, g and t are powers of 1024. INVALID_ARGUMENT says what was
// expected; never 0.
absl::StatusOr<int64_t> ParseSize(std::string_view text);

}  // namespace crossmill
