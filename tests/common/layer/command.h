// Runs another program for a test.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/subprocess.h"

namespace crossmill::layer {

inline absl::StatusOr<ProcessResult> RunCommand(std::vector<std::string> argv) {
  ProcessOptions options;
  options.argv = std::move(argv);
  options.time_limit = absl::Seconds(60);
  return RunProcess(options);
}

}  // namespace crossmill::layer
