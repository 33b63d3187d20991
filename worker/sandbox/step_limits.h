// Resource limits of a step (--ulimit), as far as this worker may give them.
#pragma once

#include <sys/resource.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::worker {

// Name of a limit (as in --ulimit, "nofile") to the hard limit of this process, which an unprivileged worker
// cannot exceed.
std::map<std::string, rlimit, std::less<>> LimitsOfThisProcess();

struct StepLimit {
  // "RLIMIT_NOFILE".
  std::string type;
  rlim_t soft = 0;
  rlim_t hard = 0;
};

struct StepLimits {
  // By type.
  std::vector<StepLimit> limits;
  // Lines for people: what was lowered.
  std::vector<std::string> warnings;
};

// The recipe's ulimits and, where it names none, the farm's own: the same number of open files on every host,
// no core dumps where secrets are (`holds_secrets`) and else as this process has it. INVALID_ARGUMENT for a
// limit that does not exist.
//
// `most_files`: the farm's limit of open files (v1.StepBounds); 0: none.
absl::StatusOr<StepLimits> MakeStepLimits(const v1::Run& run, bool holds_secrets,
                                          const std::map<std::string, rlimit, std::less<>>& available,
                                          uint32_t most_files = 0);

}  // namespace crossmill::worker
