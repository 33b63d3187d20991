// Logging: one line per transition to stderr, `key=value` words with build, stage, worker, lease.
// Log or return an error, never both.
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

namespace crossmill {

// Call once, first in main. `level`: trace, debug, info, warn, error; unknown names mean info.
void SetUpLog(std::string_view program, std::string_view level);

}  // namespace crossmill
