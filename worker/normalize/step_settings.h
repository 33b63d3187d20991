// The rules of --normalize that set something for a step's command: variables, a folder for temporary files,
// and programs that GCC calls (docs/normalize.md).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/files.h"
#include "crossmill/v1/result.pb.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

// Where a step sees them.
inline constexpr std::string_view kStepTemporaryFolder = "/run/crossmill/tmp";
inline constexpr std::string_view kStepCompilerFolder = "/run/crossmill/compilers";

// Of one step, while it runs: destroying it removes the folders. Not thread safe.
class StepSettings {
 public:
  // `folder`: an existing one on a disk with space, for what lives as long as the step; empty: that of the
  // system.
  static absl::StatusOr<StepSettings> Prepare(absl::Span<const std::string> rules, const std::string& folder);

  // Behind what the recipe sets, which is never replaced: a rule whose variable is set already does nothing.
  void Apply(SandboxRun* run);

  // Of the rules that set something, in their order.
  const std::vector<v1::Normalization>& normalizations() const { return normalizations_; }

 private:
  StepSettings() = default;
  // False if the step has the variable.
  bool Set(std::string_view rule, std::string_view name, std::string_view value, SandboxRun* run);

  std::vector<std::string> rules_;
  std::optional<TemporaryFolder> temporary_;
  std::optional<TemporaryFolder> compilers_;
  std::vector<v1::Normalization> normalizations_;
};

}  // namespace crossmill::worker
