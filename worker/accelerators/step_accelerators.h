// What accelerates the emulated steps of a worker (docs/accelerators.md): its sets of native programs,
// checked and calibrated, the processor that its emulator plays, and the emulator that is told of both.
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
#include "worker/accelerators/root_table.h"
#include "worker/host/mounting.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

// Which tools are used: those with a passed calibration, or, to calibrate them, all.
enum class AcceleratorTrust { kCalibrated, kAll };

struct AcceleratorOptions {
  // Folder with sets, each in a folder of its own, with SET.calibration.json beside it. Readable for the
  // worker's user. Empty: there are none.
  std::string sets;
  // The worker's own, for its copies; made if missing.
  std::string folder;
  // The machine's, read before the worker entered its namespaces.
  std::vector<ProgramFormat> formats;
  AcceleratorTrust trust = AcceleratorTrust::kCalibrated;
};

// Of one execution.
struct SetChoice {
  // Whether a set may be used.
  bool use = false;
  // Digests ("sha256:...") of those that may not.
  std::set<std::string> off;
};

struct AppliedAcceleration {
  // What a record says of the set; none: no set for the platform, or none that may be used.
  std::optional<v1::StepAcceleration> set;
  // That the emulator was told to play; empty: it plays its own.
  std::string processor;
};

// Thread safe after Create. Works in a worker's namespaces only.
class StepAccelerators {
 public:
  // Sets that cannot be used are told by said(), and nothing is different for steps. Where none is left and
  // the emulator plays a quick processor by itself, or cannot be replaced, active() is false. Errors are bad
  // settings, as a folder that cannot be read, or a kernel that refused a format when the machine's table did
  // not count any more (own_formats.h).
  static absl::StatusOr<std::unique_ptr<StepAccelerators>> Create(AcceleratorOptions options);

  bool active() const { return formats_.mounted(); }
  // A line for people about each set, and about what is missing.
  const std::vector<std::string>& said() const { return said_; }
  // That emulated steps of the architecture run on; empty: the emulator's own.
  std::string ProcessorOf(const std::string& architecture) const;
  // Why that is not the quick one; empty: it is, or nothing of arm64 is emulated here.
  const std::string& why_own_processor() const { return why_own_processor_; }
  // Each set that there is, with the tools that are used, and why the others are not.
  const std::vector<v1::AcceleratorOffer>& offers() const { return offers_; }
  // Of each set in use.
  std::vector<v1::StepAcceleration> sets() const;

  // Lets an emulated step find its table, and the set that fits its root best: a file and a mount at places
  // where nothing of an image is. Nothing is added if the step has something else at these places. An error
  // is the farm's fault.
  absl::StatusOr<AppliedAcceleration> Apply(const SetChoice& sets, SandboxRun* run) const;

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

  // The best of the sets for the root, and its table; nullptr and one without tools: none.
  struct FoundSet {
    const UsableSet* set = nullptr;
    RootTable table;
  };

  StepAccelerators() = default;
  absl::StatusOr<FoundSet> FindSet(const SetChoice& sets, const v1::Platform& platform, int root) const;
  absl::Status AddSet(const AcceleratorOptions& options, const std::string& name,
                      v1::AcceleratorOffer* offer);
  absl::Status TryProcessor(const AcceleratorOptions& options);
  absl::Status ReplaceEmulators(const AcceleratorOptions& options);
  void GiveUp(std::string_view reason);

  std::vector<UsableSet> sets_;
  std::vector<std::string> said_;
  std::vector<v1::AcceleratorOffer> offers_;
  bool quick_processor_ = false;
  std::string why_own_processor_;
  // Of the roots that were looked at.
  const std::unique_ptr<RecognisedFiles> contents_ = std::make_unique<RecognisedFiles>();
  Mount formats_;
};

// "SET sha256:DIGEST (TOOL, TOOL)".
std::string TellSet(const v1::StepAcceleration& set);

}  // namespace crossmill::worker
