// The commands that shell text runs, with their words as far as they can be known: variables of the
// environment and those that the text sets, conditions that are known, folders. Nothing is run.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/predict/commands/shell_lexer.h"

namespace crossmill::predict {

struct ShellWord {
  std::string text;
  // Not empty: `text` is not what the shell will have, and why.
  std::string unknown;
  // Holds an unquoted * or ?, which stands for files that exist.
  bool pattern = false;
};

// What a shell knows at one place.
struct ShellState {
  // nullopt: it has one that is not known.
  std::map<std::string, std::optional<std::string>, std::less<>> variables;
  // What programs that are started see of them.
  std::set<std::string, std::less<>> exported;
  // Absolute; nullopt: not known.
  std::optional<std::string> folder;

  // Its value; empty if it has none; nullopt if it is not known.
  std::optional<std::string> Value(std::string_view name) const;
};

struct ShellCommand {
  std::vector<ShellWord> words;
  // In front of it, for it alone.
  std::vector<std::pair<std::string, ShellWord>> assignments;
  // As written, on one line.
  std::string source;
  // A here-document.
  std::optional<std::string> input;
  bool reads_pipe = false;
  // Files that "<" and ">" name, with the sign: "pip install a>=2" writes into "=2".
  std::vector<std::string> redirections;
  // It may not run, or run more than once, or with other words.
  bool conditional = false;
  bool in_function = false;
};

class ShellScript {
 public:
  // Sees each simple command that is no builtin of the shell (cd, export and the like change the state). It
  // may change the state, too.
  using Visitor = std::function<absl::Status(const ShellCommand& command, ShellState& state)>;

  explicit ShellScript(Visitor visitor) : visitor_(std::move(visitor)) {}

  // Goes over `text`. INVALID_ARGUMENT for what is no shell text that is understood; RESOURCE_EXHAUSTED for
  // more than 1 MiB, 20,000 commands, 8 MiB of words, 40 levels. What was visited before stays visited.
  // Errors of the visitor end it.
  absl::Status Walk(std::string_view text, ShellState& state);

 private:
  friend class ShellWalk;

  Visitor visitor_;
  // Over all texts that are walked within each other.
  size_t commands_ = 0;
  size_t word_bytes_ = 0;
  size_t looked_at_ = 0;
  int depth_ = 0;
};

}  // namespace crossmill::predict
