// Executes a stage's instructions on paper: variables, image config, and steps for workers.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/expansion.h"
#include "common/plan/image_config.h"
#include "common/plan/outline.h"
#include "common/plan/planner.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// What is the same for every stage of a build.
struct BuildFacts {
  const Outline* outline = nullptr;
  const PlanOptions* options = nullptr;
  Variables build_arguments;
  int64_t epoch = 0;
  bool strict_epoch = false;
};

// What a stage hands on to a stage that is built from it.
struct StageState {
  ImageConfig config;
  // Config environment and build arguments with values: what `$NAME` means.
  Variables variables;
  // Of `variables`, bounded.
  size_t variable_bytes = 0;
  // Declared build arguments in order of declaration, each once.
  std::vector<std::pair<std::string, std::optional<std::string>>> arguments;
  // Layers above the base image.
  int64_t layers = 0;
};

// The state before the first instruction of a stage. For an image or scratch: from its config.
StageState StateFromConfig(ImageConfig config);
// For FROM stage: triggers are not inherited.
StageState StateFromStage(const StageState& base);

class StageEvaluator {
 public:
  // Plan index of what a COPY --from names; called once per such COPY.
  using FindSource = std::function<absl::StatusOr<uint32_t>(const Instruction&, const CopyOrigin&)>;

  // `facts`, `view` and `state` must outlive the evaluator; `state` is advanced.
  StageEvaluator(const BuildFacts& facts, const PlatformView& view, size_t stage, StageState& state,
                 FindSource find_source);

  // Appends one step. Errors: INVALID_ARGUMENT with place.
  absl::Status Evaluate(const Instruction& instruction);

  std::vector<v1::Step> TakeSteps() { return std::move(steps_); }

 private:
  absl::Status Dispatch(const Instruction& instruction, v1::Step& step);
  absl::Status Arg(const Instruction& instruction);
  absl::Status Env(const Instruction& instruction);
  absl::Status Label(const Instruction& instruction);
  absl::Status Command(const Instruction& instruction);
  absl::Status Expose(const Instruction& instruction);
  absl::Status Health(const Instruction& instruction);
  absl::Status Volume(const Instruction& instruction);
  absl::Status StopSignal(const Instruction& instruction);
  absl::Status Shell(const Instruction& instruction);
  absl::Status User(const Instruction& instruction);
  absl::Status Workdir(const Instruction& instruction, v1::Step& step);
  absl::Status Run(const Instruction& instruction, v1::Step& step);
  absl::Status RunNetwork(const Instruction& instruction, v1::Run& run);
  void RunEnvironment(v1::Run& run) const;
  absl::StatusOr<std::string> RunCommand(const Instruction& instruction, v1::Run& run) const;

  // stage_copy.cc
  absl::Status Copy(const Instruction& instruction, v1::Step& step);
  absl::Status CopyFlags(const Instruction& instruction, v1::Copy& copy, std::vector<std::string>& excludes);
  absl::Status AddPathSource(const Instruction& instruction, const std::string& source, size_t offset,
                             const std::vector<std::string>& excludes, const std::optional<uint32_t>& from,
                             v1::Copy& copy);
  absl::Status AddInlineSource(const Instruction& instruction, const Word& word, const Heredoc& heredoc,
                               v1::Copy& copy);

  absl::Status Error(const Instruction& instruction, size_t offset, std::string_view message) const;
  absl::StatusOr<std::string> ExpandAt(const Instruction& instruction, size_t offset, std::string_view text,
                                       bool quotes_are_text = false) const;
  // The command with the stage's shell before it.
  std::vector<std::string> WithShell(std::string_view command) const;
  absl::Status SetVariable(const Instruction& instruction, size_t offset, std::string_view name,
                           std::string_view value);
  void AddLayer(v1::Step& step);

  const BuildFacts& facts_;
  const PlatformView& view_;
  const size_t stage_;
  StageState& state_;
  const FindSource find_source_;
  std::vector<v1::Step> steps_;
  // How the instruction is shown, behind its name.
  std::string shown_;
  bool cmd_set_ = false;
};

}  // namespace crossmill::plan
