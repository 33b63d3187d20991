// What a step's result says of an accelerator set, and what follows from it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "coordinator/engine/trust/switched_off_accelerators.h"
#include "crossmill/v1/accelerators.pb.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator {

// Pure. Whether the worker would offer a set to the emulated step: one of its sets is for the task's
// platform, has a tool in use and was not off when the task was made. What a root has is known to the worker
// alone.
bool MayBeAccelerated(const v1::Task& task, const v1::Step& step, const v1::WorkerInfo& worker);

struct ReportedStep {
  const v1::Step& step;
  int64_t build = 0;
  std::string worker;
  // Unix time in nanoseconds.
  int64_t now = 0;
};

// Pure. nullopt: its check did not find the set at fault, or names none.
std::optional<v1::SwitchedOffAccelerator> AccusedSet(const v1::StepResult& result,
                                                     const ReportedStep& reported);

struct TakenAcceleration {
  // Of the record, which has to be written.
  absl::Status recorded;
  // For the build: what was switched off. Empty: nothing.
  std::string notice;
  // Why the result is not used, and the step runs again; empty: it is.
  std::string lost;
};

// Switches off what the result accuses, telling `on_off` (may be empty) if it was not off, and refuses a
// result of a set that is. `off` may be null.
TakenAcceleration TakeAcceleration(const v1::StepResult& result, const ReportedStep& reported,
                                   SwitchedOffAccelerators* off,
                                   const std::function<void(const v1::SwitchedOffAccelerator&)>& on_off);

// For people: which set, of which step, and where it differs.
std::string TellSwitchedOff(const v1::SwitchedOffAccelerator& accelerator);

}  // namespace crossmill::coordinator
