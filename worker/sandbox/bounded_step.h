// One execution within its limits: puts them in force by the best means that there are, and tells afterwards
// what was used and which limit it came to.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/base/subprocess.h"
#include "worker/bounds/step_group.h"
#include "worker/bounds/step_watchdog.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

// Whether a process gets into groups that are made below these.
absl::Status TryStepGroup(absl::Span<const StepGroupBase> bases);

// Not thread safe. What it was given must outlive it.
class BoundedStep {
 public:
  // `name`: of its control group, each once. Where limits cannot be put in force as asked the step's console
  // is told.
  BoundedStep(const SandboxRun& run, const StepGroups* groups, const std::string& name);
  BoundedStep(const BoundedStep&) = delete;
  BoundedStep& operator=(const BoundedStep&) = delete;

  // For the process that the step begins with.
  std::vector<int> joins() const;
  std::stop_token stop() const { return stop_.get_token(); }
  // How many processors it may see; 0: all.
  unsigned processors() const { return processors_; }

  void Started(pid_t pid);
  // Completes what the sandbox tells. An error: what it lacked is no limit of its own.
  absl::Status Ended(const ProcessResult& process, SandboxResult* result);

 private:
  void Warn(const std::string& line) const;
  void LimitProcessors();
  void TellUse(const ProcessResult& process, const GroupReadings& group, SandboxResult* result) const;

  const SandboxRun& run_;
  std::unique_ptr<StepGroup> group_;
  // What the watchdog has to enforce.
  v1::StepBounds watched_;
  unsigned processors_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> forward_;
  std::unique_ptr<StepWatchdog> watchdog_;
};

}  // namespace crossmill::worker
