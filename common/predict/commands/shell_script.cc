// Simple commands: assignments, redirections, the shell's builtins.
#include "common/predict/commands/shell_script.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/commands/shell_walk.h"
#include "common/predict/commands/shell_words.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostScriptBytes = size_t{1} << 20;
constexpr size_t kMostCommands = 20'000;
constexpr size_t kMostWordBytes = size_t{8} << 20;
constexpr int kMostScripts = 20;
constexpr size_t kMostSource = 300;

bool IsShellName(std::string_view text) {
  if (text.empty() || absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isdigit(c); });
}

// Programs that are asked rather than told.
bool IsQuestion(std::string_view name) {
  static constexpr std::array<std::string_view, 14> kQuestions = {
      "grep", "egrep", "command", "which", "type",   "hash", "stat",
      "ls",   "diff",  "cmp",     "id",    "getent", "dpkg", "[["};
  return std::find(kQuestions.begin(), kQuestions.end(), name) != kQuestions.end();
}

// Builtins that change nothing that matters here.
bool IsIdle(std::string_view name) {
  static constexpr std::array<std::string_view, 14> kIdle = {"set",      "shopt", "trap", "umask",  "ulimit",
                                                             "shift",    "wait",  "echo", "printf", "break",
                                                             "continue", ":",     "true", "false"};
  return std::find(kIdle.begin(), kIdle.end(), name) != kIdle.end();
}

std::string FolderPlus(std::string_view folder, std::string_view path) {
  if (path.starts_with('/')) return std::string(path);
  return folder.ends_with('/') ? fmt::format("{}{}", folder, path) : fmt::format("{}/{}", folder, path);
}

}  // namespace

std::optional<std::string> ShellState::Value(std::string_view name) const {
  const auto found = variables.find(name);
  return found == variables.end() ? std::optional<std::string>("") : found->second;
}

absl::Status ShellScript::Walk(std::string_view text, ShellState& state) {
  if (text.size() > kMostScriptBytes)
    return absl::ResourceExhaustedError(fmt::format("more than {} bytes of shell text", kMostScriptBytes));
  if (depth_ >= kMostScripts) return absl::ResourceExhaustedError("shell texts within each other too deeply");
  ++depth_;
  const absl::Status status = ShellWalk(*this, text, state).Run();
  --depth_;
  return status;
}

absl::StatusOr<bool> ShellWalk::TakeAssignment(ShellCommand& command) {
  const size_t equals = token_.text.find('=');
  if (equals == std::string::npos) return false;
  std::string_view name = std::string_view(token_.text).substr(0, equals);
  const bool appends = name.ends_with('+');
  if (appends) name.remove_suffix(1);
  if (!IsShellName(name)) return false;
  ASSIGN_OR_RETURN(const std::vector<WordPart> parts,
                   ReadWordParts(std::string_view(token_.text).substr(equals + 1)));
  ASSIGN_OR_RETURN(ShellWord value, ExpandText(parts, state_));
  if (appends) {
    const auto before = state_.Value(name);
    value.text.insert(0, before.value_or(""));
    if (!before.has_value()) value.unknown = fmt::format("the value of ${} is not known", name);
  }
  command.assignments.emplace_back(std::string(name), std::move(value));
  return true;
}

absl::StatusOr<bool> ShellWalk::TakeRedirection(ShellCommand& command) {
  const bool number = token_.kind == ShellToken::Kind::kWord && token_.plain && IsDigits(token_.text) &&
                      token_.end < text_.size() && (text_[token_.end] == '<' || text_[token_.end] == '>');
  if (number) RETURN_IF_ERROR(Advance());
  static constexpr std::array<std::string_view, 12> kSigns = {"<",  ">",  ">>",  ">|", "<>",  "<&",
                                                              ">&", "&>", "&>>", "<<", "<<-", "<<<"};
  const bool sign =
      std::any_of(kSigns.begin(), kSigns.end(), [this](std::string_view one) { return AtOperator(one); });
  if (!sign) {
    if (number) return absl::InvalidArgumentError("a number without its redirection");
    return false;
  }
  const std::string operation = token_.text;
  RETURN_IF_ERROR(Advance());
  if (AtOperator("(")) return absl::InvalidArgumentError(operation + "( is not understood");
  if (token_.kind != ShellToken::Kind::kWord)
    return absl::InvalidArgumentError("a redirection without a file");
  if (operation == "<<" || operation == "<<-") {
    std::string name;
    for (const WordPart& part : token_.parts) name += part.text;
    const size_t index = lexer_.Announce(name, operation == "<<-");
    // Looking ahead costs more than copying.
    RETURN_IF_ERROR(Charge(64 * (text_.size() - token_.end)));
    ASSIGN_OR_RETURN(command.input, lexer_.Heredoc(index));
  } else {
    ASSIGN_OR_RETURN(const ShellWord target, ExpandText(token_.parts, state_));
    if (operation == "<<<") {
      command.input = target.text;
    } else if (!number) {
      command.redirections.push_back(operation + target.text);
    }
  }
  RETURN_IF_ERROR(Advance());
  return true;
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::Simple(bool reads_pipe) {
  ShellCommand command;
  command.reads_pipe = reads_pipe;
  const size_t begin = token_.begin;
  size_t end = begin;
  bool first = true;
  for (;; first = false) {
    end = std::max(end, token_.begin);
    ASSIGN_OR_RETURN(const bool redirection, TakeRedirection(command));
    if (redirection) continue;
    if (token_.kind != ShellToken::Kind::kWord) break;
    end = token_.end;
    if (command.words.empty()) {
      ASSIGN_OR_RETURN(const bool assignment, TakeAssignment(command));
      if (assignment) {
        RETURN_IF_ERROR(Advance());
        continue;
      }
    }
    const bool may_be_function = first && token_.plain;
    ASSIGN_OR_RETURN(std::vector<ShellWord> words, ExpandWord(token_.parts, state_));
    std::move(words.begin(), words.end(), std::back_inserter(command.words));
    RETURN_IF_ERROR(Advance());
    if (may_be_function && AtOperator("(")) return Function();
  }
  if (end == begin && command.words.empty() && command.assignments.empty() && command.redirections.empty() &&
      !command.input.has_value())
    return absl::InvalidArgumentError(
        fmt::format("a command was expected before '{}'", Printable(token_.text)));
  command.source = Printable(text_.substr(begin, std::min(end - begin, kMostSource)));
  command.conditional = conditional_;
  command.in_function = in_function_;
  RETURN_IF_ERROR(Count(command));
  if (!live_) return Truth::kAssumed;
  return Perform(command);
}

absl::Status ShellWalk::Count(const ShellCommand& command) {
  for (const ShellWord& word : command.words) script_.word_bytes_ += word.text.size() + 8;
  for (const auto& [name, value] : command.assignments) script_.word_bytes_ += value.text.size() + 8;
  if (++script_.commands_ > kMostCommands)
    return absl::ResourceExhaustedError(fmt::format("more than {} commands", kMostCommands));
  if (script_.word_bytes_ > kMostWordBytes)
    return absl::ResourceExhaustedError(fmt::format("more than {} bytes of words", kMostWordBytes));
  return absl::OkStatus();
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::Perform(ShellCommand& command) {
  if (command.words.empty()) {
    for (const auto& [name, value] : command.assignments) Assign(name, value, false);
    return Truth::kTrue;
  }
  const std::string name = command.words[0].text;
  if (name == ":" || name == "true") return Truth::kTrue;
  if (name == "false") return Truth::kFalse;
  if (name == "[" || name == "test") {
    std::vector<ShellWord> words(command.words.begin() + 1, command.words.end());
    if (name == "[" && !words.empty() && words.back().text == "]") words.pop_back();
    return Evaluate(words);
  }
  ASSIGN_OR_RETURN(const bool builtin, Builtin(command));
  if (!builtin) RETURN_IF_ERROR(script_.visitor_(command, state_));
  return IsQuestion(name) ? Truth::kOpen : Truth::kAssumed;
}

absl::StatusOr<bool> ShellWalk::Builtin(const ShellCommand& command) {
  const std::string& name = command.words[0].text;
  if (IsIdle(name)) return true;
  if (name == "cd" || name == "pushd" || name == "popd") {
    ChangeFolder(command);
  } else if (name == "export" || name == "declare" || name == "typeset" || name == "local" ||
             name == "readonly") {
    Declare(command);
  } else if (name == "unset") {
    for (size_t i = 1; i < command.words.size(); ++i) state_.variables.erase(command.words[i].text);
  } else if (name == "read" || name == "mapfile" || name == "readarray" || name == "getopts") {
    for (size_t i = 1; i < command.words.size(); ++i) {
      if (IsShellName(command.words[i].text)) state_.variables[command.words[i].text] = std::nullopt;
    }
  } else if (name == "." || name == "source") {
    Activate(command);
    // Others may set anything: the visitor decides what that means.
    return command.words.size() > 1 && command.words[1].text.ends_with("/activate");
  } else if (name == "exit" || name == "return") {
    if (!conditional_ && !in_function_) live_ = false;
  } else if (name == "eval") {
    std::vector<std::string> texts;
    for (size_t i = 1; i < command.words.size(); ++i) {
      if (!command.words[i].unknown.empty()) return false;
      texts.push_back(command.words[i].text);
    }
    RETURN_IF_ERROR(script_.Walk(absl::StrJoin(texts, " "), state_));
  } else {
    return false;
  }
  return true;
}

void ShellWalk::Assign(std::string_view name, const ShellWord& value, bool is_exported) {
  const std::string key(name);
  state_.variables[key] = value.unknown.empty() ? std::optional<std::string>(value.text) : std::nullopt;
  if (is_exported) state_.exported.insert(key);
}

void ShellWalk::ChangeFolder(const ShellCommand& command) {
  size_t at = 1;
  while (at < command.words.size() && command.words[at].text.starts_with('-') &&
         command.words[at].text != "-")
    ++at;
  if (command.words[0].text == "popd" || (at < command.words.size() && command.words[at].text == "-")) {
    state_.folder = std::nullopt;
  } else if (at >= command.words.size()) {
    state_.folder = state_.Value("HOME");
  } else if (!command.words[at].unknown.empty() || command.words[at].pattern) {
    state_.folder = std::nullopt;
  } else if (state_.folder.has_value() || command.words[at].text.starts_with('/')) {
    state_.folder = FolderPlus(state_.folder.value_or("/"), command.words[at].text);
  }
}

void ShellWalk::Declare(const ShellCommand& command) {
  const bool exports = command.words[0].text == "export";
  for (size_t i = 1; i < command.words.size(); ++i) {
    const ShellWord& word = command.words[i];
    const size_t equals = word.text.find('=');
    const std::string name = word.text.substr(0, equals);
    if (!IsShellName(name)) continue;
    if (equals != std::string::npos) {
      ShellWord value = word;
      value.text = word.text.substr(equals + 1);
      Assign(name, value, exports);
    } else if (exports) {
      state_.exported.insert(name);
    }
  }
}

// A virtual environment's bin/activate.
void ShellWalk::Activate(const ShellCommand& command) {
  if (command.words.size() < 2) return;
  const ShellWord& word = command.words[1];
  constexpr std::string_view kScript = "/bin/activate";
  if (!word.text.ends_with(kScript) && word.text != "bin/activate") return;
  ShellWord folder;
  ShellWord path;
  if (!word.unknown.empty() || (!word.text.starts_with('/') && !state_.folder.has_value())) {
    folder.unknown = path.unknown = "the folder of the virtual environment is not known";
  } else {
    const std::string script = FolderPlus(state_.folder.value_or("/"), word.text);
    folder.text = script.substr(0, script.size() - kScript.size());
    const auto before = state_.Value("PATH");
    path.text = fmt::format("{}/bin:{}", folder.text, before.value_or(""));
    if (!before.has_value()) path.unknown = "the value of $PATH is not known";
  }
  Assign("VIRTUAL_ENV", folder, true);
  Assign("PATH", path, true);
}

ShellWalk::Truth ShellWalk::Evaluate(const std::vector<ShellWord>& words) {
  const auto truth = [](bool holds) { return holds ? Truth::kTrue : Truth::kFalse; };
  if (words.empty()) return Truth::kFalse;
  if (std::any_of(words.begin(), words.end(), [](const ShellWord& word) { return !word.unknown.empty(); }))
    return Truth::kOpen;
  if (words.size() > 1 && words[0].text == "!") {
    const Truth inner = Evaluate({words.begin() + 1, words.end()});
    return inner == Truth::kTrue ? Truth::kFalse : inner == Truth::kFalse ? Truth::kTrue : Truth::kOpen;
  }
  if (words.size() == 1) return truth(!words[0].text.empty());
  if (words.size() == 2 && words[0].text == "-n") return truth(!words[1].text.empty());
  if (words.size() == 2 && words[0].text == "-z") return truth(words[1].text.empty());
  if (words.size() != 3 || words[2].pattern) return Truth::kOpen;
  const std::string& sign = words[1].text;
  if (sign == "=" || sign == "==") return truth(words[0].text == words[2].text);
  if (sign == "!=") return truth(words[0].text != words[2].text);
  if (sign == "-eq" && IsDigits(words[0].text) && words[0].text == words[2].text) return Truth::kTrue;
  return Truth::kOpen;
}

}  // namespace crossmill::predict
