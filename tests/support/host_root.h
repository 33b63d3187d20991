// A small root file system made of this machine's own programs, for tests of sandboxes.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace crossmill {

// Copies the programs into root/bin with the libraries they need, and makes etc, tmp and the like.
absl::Status MakeHostRoot(const std::string& root, const std::vector<std::string>& programs);

}  // namespace crossmill
