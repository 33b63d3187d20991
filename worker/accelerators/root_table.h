// The table of one step (table_format.h): what of a set stands in for programs of the step's root.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/accelerators/accelerator_set.h"
#include "worker/accelerators/recognised_files.h"

namespace crossmill::worker {

struct RootTable {
  // For the stub.
  std::string bytes;
  // Tools whose program the root has, as it begins, with the right content.
  std::vector<std::string> present;
};

// Looks into `root` (a step's root as the step will see it: device, inode and time of change are told to the
// stub, which then need not read these files). A program that is not there may still come in the step, so
// every tool is in the table. Never blocks on what a root may hold. RESOURCE_EXHAUSTED if the tools do not
// fit into a table. What is in `known` is not read again, and what is read with the right content is added.
absl::StatusOr<RootTable> MakeRootTable(const std::vector<AcceleratedTool>& tools, int root,
                                        RecognisedFiles* known);

}  // namespace crossmill::worker
