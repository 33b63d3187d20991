// The limits of steps that a build asks for: `--memory`, `--cpus` and their like, as docker build names them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "crossmill/v1/plan.pb.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

// As they were given; empty: not at all.
struct StepBoundFlags {
  std::string memory;
  std::string cpus;
  // docker build's: microseconds of processor time in each period.
  std::string cpu_quota;
  std::string cpu_period;
  std::string processes;
  std::string disk;
  std::string log;
};

void AddStepBoundFlags(CLI::App* command, StepBoundFlags* flags);

// INVALID_ARGUMENT with the flag and what it may be.
absl::StatusOr<v1::StepBounds> MakeStepBounds(const StepBoundFlags& flags);

}  // namespace crossmill::cli
