// What accelerates the emulated steps of a worker (docs/accelerators.md): its sets of native programs,
// checked and calibrated, and the emulator that looks for them.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "crossmill/v1/result.pb.h"
#include "crossmill/v1/worker.pb.h"
#include "worker/accelerators/accelerator_set.h"
#include "worker/accelerators/own_formats.h"
#include "worker/accelerators/recognised_files.h"
#include "worker/host/mounting.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

// Which tools are used: those with a passed calibration, or, to calibrate them, all.
enum class AcceleratorTrust { kCalibrated, kAll };

struct AcceleratorOptions {
  // Folder with sets, each in a folder of its own, with SET.calibration.json beside it. Readable for the
  // worker's user.
  std::string sets;
  // The worker's own, for its copies; made if missing.
  std::string folder;
  // The machine's, read before the worker entered its namespaces.
  std::vector<ProgramFormat> formats;
  AcceleratorTrust trust = AcceleratorTrust::kCalibrated;
};

// Thread safe after Create. Works in a worker's namespaces only.
class StepAccelerators {
 public:
  // Sets that cannot be used are told by said(), and nothing is different for steps. Where none is left, or
  // the emulator cannot be replaced, active() is false. Errors are bad settings: a folder that cannot be
  // read.
  static absl::StatusOr<std::unique_ptr<StepAccelerators>> Create(AcceleratorOptions options);

  bool active() const { return formats_.mounted(); }
  // A line for people about each set, and about what is missing.
  const std::vector<std::string>& said() const { return said_; }
  // Each set that there is, with the tools that are used, and why the others are not.
  const std::vector<v1::AcceleratorOffer>& offers() const { return offers_; }
  // Of each set in use.
  std::vector<v1::StepAcceleration> sets() const;

  // Lets an emulated step find the set that fits its root best: a mount and a file at places where nothing of
  // an image is. Sets whose digest ("sha256:...") is in `off` are left out. Returns what a record says of it;
  // nullopt if nothing was added, because there is no set for the platform or the step has something else at
  // these places. An error is the farm's fault.
  absl::StatusOr<std::optional<v1::StepAcceleration>> Apply(const std::set<std::string>& off,
                                                            SandboxRun* run) const;

 private:
  struct UsableSet {
    std::string name;
    std::string architecture;
    // The worker's own copy.
    std::string folder;
    Digest digest;
    std::vector<AcceleratedTool> tools;

    v1::StepAcceleration Record() const;
  };

  StepAccelerators() = default;
  absl::Status AddSet(const AcceleratorOptions& options, const std::string& name,
                      v1::AcceleratorOffer* offer);
  absl::Status ReplaceEmulators(const AcceleratorOptions& options);

  std::vector<UsableSet> sets_;
  std::vector<std::string> said_;
  std::vector<v1::AcceleratorOffer> offers_;
  // Of the roots that were looked at.
  const std::unique_ptr<RecognisedFiles> contents_ = std::make_unique<RecognisedFiles>();
  Mount formats_;
};

// "SET sha256:DIGEST (TOOL, TOOL)".
std::string TellSet(const v1::StepAcceleration& set);

}  // namespace crossmill::worker
