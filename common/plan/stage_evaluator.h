// Executes a stage's instructions on paper: variables, image config, and steps for workers.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/dockerfile/expansion.h"
#include "common/dockerfile/outline.h"
#include "common/dockerfile/run_mount.h"
#include "common/plan/image_config.h"
#include "common/plan/planner.h"
#include "common/plan/remote_source.h"
#include "common/plan/stage_graph.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// Facts that are the same for every stage of a build.
struct BuildFacts {
  const dockerfile::Outline* outline = nullptr;
  const PlanOptions* options = nullptr;
  dockerfile::Variables build_arguments;
  int64_t epoch = 0;
  bool strict_epoch = false;
};

// A stage hands this on to a stage that is built from it.
struct StageState {
  ImageConfig config;
  // Config environment and build arguments with values: what `$NAME` means, and what commands see.
  dockerfile::Variables variables;
  // By name in `variables`: number of the last assignment. Commands see them in this order.
  std::map<std::string, int64_t, std::less<>> assigned;
  int64_t assignments = 0;
  // Size of `variables`, bounded.
  size_t variable_bytes = 0;
  // Declared build arguments in order of declaration, each once.
  std::vector<std::pair<std::string, std::optional<std::string>>> arguments;
  // Layers above the base image.
  int64_t layers = 0;

  void Assign(std::string_view name, std::string_view value);
};

// The state before the first instruction of a stage. For an image or scratch: from its config.
StageState StateFromConfig(ImageConfig config);
// For FROM stage: triggers are not inherited.
StageState StateFromStage(const StageState& base);

// One more layer: its clamp value.
void StampLayer(const BuildFacts& facts, StageState& state, v1::Step& step);

class StageEvaluator {
 public:
  // Plan index of the stage or image that a COPY or mount takes content from.
  using FindSource = std::function<absl::StatusOr<uint32_t>(const CopyOrigin&)>;

  // `facts`, `view` and `state` must outlive the evaluator; `state` is advanced. `first_number`: of the first
  // step.
  StageEvaluator(const BuildFacts& facts, const PlatformView& view, size_t stage, uint32_t first_number,
                 StageState& state, FindSource find_source);

  // Appends one step. Errors: INVALID_ARGUMENT with place.
  absl::Status Evaluate(const dockerfile::Instruction& instruction);

  std::vector<v1::Step> TakeSteps() { return std::move(steps_); }

 private:
  absl::Status Dispatch(const dockerfile::Instruction& instruction, v1::Step& step);
  absl::Status Arg(const dockerfile::Instruction& instruction);
  absl::Status Env(const dockerfile::Instruction& instruction);
  absl::Status Label(const dockerfile::Instruction& instruction);
  absl::Status Command(const dockerfile::Instruction& instruction);
  absl::Status Expose(const dockerfile::Instruction& instruction);
  absl::Status Health(const dockerfile::Instruction& instruction);
  absl::Status Volume(const dockerfile::Instruction& instruction);
  absl::Status StopSignal(const dockerfile::Instruction& instruction);
  absl::Status Shell(const dockerfile::Instruction& instruction);
  absl::Status User(const dockerfile::Instruction& instruction);
  absl::Status Workdir(const dockerfile::Instruction& instruction, v1::Step& step);

  // stage_run.cc
  absl::Status Run(const dockerfile::Instruction& instruction, v1::Step& step);
  absl::Status RunNetwork(const dockerfile::Instruction& instruction, v1::Run& run);
  absl::Status RunSecurity(const dockerfile::Instruction& instruction) const;
  absl::Status RunMounts(const dockerfile::Instruction& instruction, v1::Run& run);
  absl::Status AddMount(const dockerfile::Instruction& instruction, const dockerfile::Flag& flag,
                        v1::Run& run);
  absl::Status MountSource(const dockerfile::Instruction& instruction, const dockerfile::Flag& flag,
                           const dockerfile::MountSpec& spec, v1::RunMount& mount);
  absl::Status AddCache(const dockerfile::Instruction& instruction, const dockerfile::Flag& flag,
                        const dockerfile::MountSpec& spec, v1::RunMount& mount);
  void AddSecret(const dockerfile::MountSpec& spec, v1::RunMount& mount) const;
  std::string MountTarget(std::string_view written) const;
  void RunEnvironment(v1::Run& run) const;
  absl::StatusOr<std::string> RunCommand(const dockerfile::Instruction& instruction, v1::Run& run) const;

  // stage_copy.cc
  absl::Status Copy(const dockerfile::Instruction& instruction, v1::Step& step);
  struct CopySettings {
    std::vector<std::string> excludes;
    std::string checksum;
    CopyOrigin origin;
    // Plan index of origin's stage or image.
    uint32_t stage = 0;
  };
  absl::Status CopyFlags(const dockerfile::Instruction& instruction, v1::Copy& copy, CopySettings& settings);
  absl::Status CheckChecksum(const dockerfile::Instruction& instruction, const std::string& checksum,
                             const std::vector<std::string>& sources) const;
  absl::Status AddSource(const dockerfile::Instruction& instruction, const std::string& source, size_t offset,
                         const CopySettings& settings, v1::Copy& copy);
  absl::Status AddGit(const dockerfile::Instruction& instruction, const std::string& source, size_t offset,
                      const CopySettings& settings, const RemoteReference& reference, v1::CopySource& added);
  void AddPath(const dockerfile::Instruction& instruction, const std::string& source,
               const CopySettings& settings, const v1::Copy& copy, v1::CopySource& added) const;
  absl::Status AddInlineSource(const dockerfile::Instruction& instruction, const dockerfile::Word& word,
                               const dockerfile::Heredoc& heredoc, v1::Copy& copy);

  absl::Status Error(const dockerfile::Instruction& instruction, size_t offset,
                     std::string_view message) const;
  dockerfile::ExpansionOptions Expansion() const {
    return {.escape = facts_.outline->document.escape, .effort = facts_.options->effort};
  }
  absl::StatusOr<std::string> ExpandAt(const dockerfile::Instruction& instruction, size_t offset,
                                       std::string_view text, bool quotes_are_text = false,
                                       bool is_pattern = false) const;
  // The command with the stage's shell before it.
  std::vector<std::string> WithShell(std::string_view command) const;
  // What is too much is told with its place.
  absl::Status SpendAt(const dockerfile::Instruction& instruction, size_t offset, size_t times,
                       size_t units) const;
  absl::Status SetVariable(const dockerfile::Instruction& instruction, size_t offset, std::string_view name,
                           std::string_view value);

  const BuildFacts& facts_;
  const PlatformView& view_;
  const size_t stage_;
  const uint32_t first_number_;
  StageState& state_;
  const FindSource find_source_;
  std::vector<v1::Step> steps_;
  // How the instruction is shown, behind its name.
  std::string shown_;
  // By this stage itself; ENTRYPOINT takes an inherited command away.
  bool cmd_set_ = false;
};

}  // namespace crossmill::plan
