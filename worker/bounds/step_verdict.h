// Which limit, if any, a step came to, by what was counted. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "crossmill/v1/result.pb.h"
#include "worker/bounds/step_group.h"

namespace crossmill::worker {

struct BoundFacts {
  // In force.
  v1::StepBounds bounds;
  // What the build and the farm asked for: a limit that is another is the worker's own.
  v1::StepBounds asked;
  // Of the step's control group; empty without one.
  GroupReadings group;
  // How often all steps of the worker came to their common memory limit meanwhile.
  std::optional<uint64_t> above_at_memory_limit;
  // What the watchdog ended it for.
  std::optional<v1::BoundReached> watched;
  // The command did not succeed.
  bool failed = false;
};

struct BoundVerdict {
  // A limit of this step that it came to. With `survived` it did no harm that is visible.
  std::optional<v1::BoundReached> reached;
  // Not OK: what it lacked is no limit of this step, so another worker may have it (RESOURCE_EXHAUSTED).
  absl::Status elsewhere;
  // Lines for people, about a step that went on.
  std::vector<std::string> warnings;
};

// Says nothing of a step that nothing was counted for: an exit code alone shows no limit, since a step may
// kill itself.
BoundVerdict JudgeBounds(const BoundFacts& facts);

}  // namespace crossmill::worker
