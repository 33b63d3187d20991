// What the operator says about accelerators (docs/accelerators.md), and what comes of it on this machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crossmill/v1/worker.pb.h"
#include "worker/accelerators/own_formats.h"
#include "worker/accelerators/step_accelerators.h"

namespace CLI {
class App;
}

namespace crossmill::worker {

struct AcceleratorFlags {
  // Folder of sets; empty: none.
  std::string sets;
  // "auto", "off" or "trial".
  std::string use = "auto";
  // The machine's, filled in by ReadBefore.
  std::vector<ProgramFormat> formats;

  void Declare(CLI::App& app);
  // Before the worker enters its namespaces. A trial is for one task (`for_one_task`) only: INVALID_ARGUMENT
  // elsewhere.
  absl::Status ReadBefore(bool for_one_task);
};

// nullptr if nothing is accelerated: why is logged. `data` is the worker's folder. `info` gets the sets, and
// the processor of each emulated platform. A worker says of each
// set that it uses the label `accelerators/SET=yes`, unless its operator has given it a label of that key.
// INVALID_ARGUMENT: the name of a set is none for a label, or there are too many.
absl::StatusOr<std::unique_ptr<StepAccelerators>> OpenAccelerators(const AcceleratorFlags& flags,
                                                                   const std::string& data,
                                                                   v1::WorkerInfo* info);

}  // namespace crossmill::worker
