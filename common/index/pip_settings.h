// Which package indexes pip uses on this machine: its configuration files and variables decide, and without
// any its own default. So no address is written down here.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::index {

struct PipSettings {
  // As pip has them, credentials included. The main index first; empty with --no-index.
  std::vector<std::string> indexes;
};

// Runs a program and returns what it printed.
using RunProgram = std::function<absl::StatusOr<std::string>(const std::vector<std::string>& words)>;

// Asks this machine's pip. NOT_FOUND: there is none, or it does not say; the message names the flag that
// takes its place.
absl::StatusOr<PipSettings> AskPip(const RunProgram& run);

}  // namespace crossmill::index
