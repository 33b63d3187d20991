// One walk over one shell text: its grammar, and what is known of conditions. Used by shell_script.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/predict/commands/shell_lexer.h"
#include "common/predict/commands/shell_script.h"

namespace crossmill::predict {

class ShellWalk {
 public:
  // All of them outlive it.
  ShellWalk(ShellScript& script, std::string_view text, ShellState& state)
      : script_(script), text_(text), lexer_(text), state_(state) {}

  absl::Status Run();

 private:
  // How a command ends: known, taken for granted (if it fails, so does the step), or open.
  enum class Truth { kTrue, kFalse, kAssumed, kOpen };
  // Whether what follows runs.
  enum class Branch { kRuns, kMayRun, kDoesNot };

  absl::Status Advance();
  // What was seen of the state, to come back to it.
  absl::StatusOr<ShellState> Copy();
  absl::Status Charge(size_t bytes);
  bool AtWord(std::string_view word) const;
  bool AtOperator(std::string_view text) const;
  bool AtEndOfList() const;
  absl::Status Expect(std::string_view word);
  absl::Status SkipNewlines();

  absl::StatusOr<Truth> List();
  absl::StatusOr<Truth> AndOr();
  absl::StatusOr<Truth> Pipeline();
  absl::StatusOr<Truth> Command(bool reads_pipe);
  absl::StatusOr<Truth> ListIn(Branch branch);
  absl::StatusOr<Truth> If();
  absl::StatusOr<Truth> Loop();
  absl::StatusOr<Truth> For();
  absl::Status ForBody(const std::string& name, const std::vector<ShellWord>& words);
  absl::StatusOr<Truth> Case();
  absl::StatusOr<Branch> CasePatterns(const ShellWord& subject, bool& decided);
  absl::StatusOr<Truth> Subshell();
  absl::StatusOr<Truth> Brackets();
  absl::StatusOr<Truth> Function();
  absl::Status SkipArithmetic();
  absl::Status Redirections();

  absl::StatusOr<Truth> Simple(bool reads_pipe);
  absl::StatusOr<bool> TakeAssignment(ShellCommand& command);
  absl::StatusOr<bool> TakeRedirection(ShellCommand& command);
  absl::StatusOr<Truth> Perform(ShellCommand& command);
  absl::StatusOr<bool> Builtin(const ShellCommand& command);
  absl::Status Count(const ShellCommand& command);
  void Assign(std::string_view name, const ShellWord& value, bool is_exported);
  void ChangeFolder(const ShellCommand& command);
  void Declare(const ShellCommand& command);
  void Activate(const ShellCommand& command);
  static Truth Evaluate(const std::vector<ShellWord>& words);

  ShellScript& script_;
  std::string_view text_;
  ShellLexer lexer_;
  ShellState& state_;
  ShellToken token_;
  bool live_ = true;
  bool conditional_ = false;
  bool in_function_ = false;
  int depth_ = 0;
};

}  // namespace crossmill::predict
