// Which package indexes a program of the farm asks: those that it was given, else those of this machine's
// pip.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/index/index_address.h"

namespace crossmill::index {

// Those of the flags, else those of this machine's pip; none with "none", and, with a warning, on a machine
// that has no pip. INVALID_ARGUMENT names the flag. Runs python3, so it comes before threads and namespaces.
absl::StatusOr<std::vector<IndexAddress>> FindIndexes(const std::vector<std::string>& index_urls,
                                                      const std::vector<std::string>& extra_index_urls);

}  // namespace crossmill::index
