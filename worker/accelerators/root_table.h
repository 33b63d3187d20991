// The table of one step (table_format.h): what of a set stands in for programs of the step's root.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/accelerators/accelerator_set.h"
#include "worker/accelerators/recognised_files.h"

namespace crossmill::worker {

struct RootTable {
  // For the stub.
  std::string bytes;
  // Tools whose program the root has, as it begins, with the right content and what it needs besides.
  std::vector<std::string> present;
  // Of each other tool, by its name: the first file that is another one, is not there, or is one too many,
  // for people.
  std::map<std::string, std::string> differing;
  // Files of the table, programs and what they need, which the root has with the right content. A root
  // without compilers has some of what they need nevertheless, as its release has it.
  size_t known = 0;

  // Whether its set fits the root better.
  bool FitsBetter(const RootTable& other) const {
    return present.size() != other.present.size() ? present.size() > other.present.size()
                                                  : known > other.known;
  }
};

// Looks into `root` (a step's root as the step will see it: device, inode and time of change are told to the
// stub, which then need not read these files). A program that is not there may still come in the step, so
// every tool is in the table. Never blocks on what a root may hold. RESOURCE_EXHAUSTED if the tools do not
// fit into a table. What is in `known` is not read again, and what is read with the right content is added.
// `quick_processor`: what is emulated runs on the processor of quick_processor.h.
absl::StatusOr<RootTable> MakeRootTable(const std::vector<AcceleratedTool>& tools, bool quick_processor,
                                        int root, RecognisedFiles* known);

}  // namespace crossmill::worker
