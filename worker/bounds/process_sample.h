// How much memory and how many processes come from one process, by /proc.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "worker/bounds/step_watchdog.h"

namespace crossmill::worker {

// Of all descendants of `root`, without itself. Cheap: memory that is no file's, which processes that share
// it count each. `precise`: shared memory is counted once (PSS), where the kernel lets it be read. Nothing:
// /proc cannot be read.
std::optional<ProcessSample> SampleDescendants(pid_t root, bool precise, const std::string& proc = "/proc");

}  // namespace crossmill::worker
