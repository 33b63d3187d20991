// The grammar of shell text: lists, conditions, loops.
#include "common/predict/commands/shell_walk.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/commands/shell_words.h"

namespace crossmill::predict {
namespace {

constexpr int kMostDepth = 40;
constexpr size_t kMostTurns = 20;
// Bytes of variables copied and of text looked at twice.
constexpr size_t kMostLookedAt = size_t{1} << 29;

absl::Status Incomprehensible(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{} is not understood", Printable(what.substr(0, 100))));
}

// What may be one way in one case and another way in the other is not known behind both.
void Merge(const ShellState& before, ShellState& state) {
  for (auto& [name, value] : state.variables) {
    const auto old = before.variables.find(name);
    if (old == before.variables.end() || old->second != value) value = std::nullopt;
  }
  for (const auto& [name, value] : before.variables) state.variables.try_emplace(name, std::nullopt);
  if (state.folder != before.folder) state.folder = std::nullopt;
}

}  // namespace

absl::Status ShellWalk::Advance() {
  ASSIGN_OR_RETURN(token_, lexer_.Next());
  return absl::OkStatus();
}

bool ShellWalk::AtWord(std::string_view word) const {
  return token_.kind == ShellToken::Kind::kWord && token_.plain && token_.text == word;
}

bool ShellWalk::AtOperator(std::string_view text) const {
  return token_.kind == ShellToken::Kind::kOperator && token_.text == text;
}

bool ShellWalk::AtEndOfList() const {
  static constexpr std::array<std::string_view, 8> kWords = {"then", "elif", "else", "fi",
                                                             "do",   "done", "esac", "}"};
  static constexpr std::array<std::string_view, 4> kSigns = {")", ";;", ";&", ";;&"};
  if (token_.kind == ShellToken::Kind::kEnd) return true;
  return std::any_of(kWords.begin(), kWords.end(), [this](std::string_view one) { return AtWord(one); }) ||
         std::any_of(kSigns.begin(), kSigns.end(), [this](std::string_view one) { return AtOperator(one); });
}

absl::Status ShellWalk::Expect(std::string_view word) {
  if (!AtWord(word) && !AtOperator(word)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' was expected before '{}'", word, Printable(token_.text.substr(0, 100))));
  }
  return Advance();
}

absl::Status ShellWalk::SkipNewlines() {
  while (token_.kind == ShellToken::Kind::kNewline) RETURN_IF_ERROR(Advance());
  return absl::OkStatus();
}

absl::StatusOr<ShellState> ShellWalk::Copy() {
  RETURN_IF_ERROR(Charge(64));
  for (const auto& [name, value] : state_.variables)
    RETURN_IF_ERROR(Charge(name.size() + value.value_or("").size() + 64));
  return state_;
}

absl::Status ShellWalk::Charge(size_t bytes) {
  script_.looked_at_ += bytes;
  if (script_.looked_at_ <= kMostLookedAt) return absl::OkStatus();
  return absl::ResourceExhaustedError("shell text that takes too long to understand");
}

absl::Status ShellWalk::Run() {
  RETURN_IF_ERROR(Advance());
  RETURN_IF_ERROR(List().status());
  if (token_.kind != ShellToken::Kind::kEnd) return Incomprehensible("'" + token_.text + "'");
  return absl::OkStatus();
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::List() {
  if (++depth_ > kMostDepth) return absl::ResourceExhaustedError("shell text nested too deeply");
  Truth truth = Truth::kAssumed;
  for (;;) {
    RETURN_IF_ERROR(SkipNewlines());
    if (AtEndOfList()) break;
    ASSIGN_OR_RETURN(truth, AndOr());
    if (AtOperator(";") || AtOperator("&")) {
      RETURN_IF_ERROR(Advance());
    } else if (token_.kind != ShellToken::Kind::kNewline && !AtEndOfList()) {
      return Incomprehensible("'" + token_.text + "'");
    }
  }
  --depth_;
  return truth;
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::ListIn(Branch branch) {
  const bool was_live = live_;
  const bool was_conditional = conditional_;
  if (branch == Branch::kRuns) return List();
  live_ = live_ && branch != Branch::kDoesNot;
  conditional_ = true;
  ASSIGN_OR_RETURN(const ShellState before, Copy());
  const auto truth = List();
  if (branch == Branch::kDoesNot) {
    state_ = before;
  } else {
    Merge(before, state_);
  }
  live_ = was_live;
  conditional_ = was_conditional;
  return truth;
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::AndOr() {
  ASSIGN_OR_RETURN(Truth left, Pipeline());
  while (AtOperator("&&") || AtOperator("||")) {
    const bool is_and = token_.text == "&&";
    RETURN_IF_ERROR(Advance());
    RETURN_IF_ERROR(SkipNewlines());
    const bool runs = is_and ? left != Truth::kFalse : left != Truth::kTrue;
    const bool may_run = runs && (left == Truth::kOpen || (!is_and && left == Truth::kAssumed));
    const bool was_live = live_;
    const bool was_conditional = conditional_;
    live_ = live_ && runs;
    conditional_ = conditional_ || may_run;
    ASSIGN_OR_RETURN(const ShellState before, Copy());
    const auto right = Pipeline();
    if (!right.ok()) return right.status();
    if (!runs) state_ = before;
    if (may_run) Merge(before, state_);
    // `exit` ends what stands behind it too.
    live_ = runs && !may_run ? live_ : was_live;
    conditional_ = was_conditional;
    if (is_and) {
      left = left == Truth::kFalse ? Truth::kFalse : left == Truth::kOpen ? Truth::kOpen : *right;
    } else if (left != Truth::kTrue) {
      left = left == Truth::kFalse || *right == Truth::kTrue ? *right : Truth::kAssumed;
    }
  }
  return left;
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::Pipeline() {
  bool negated = false;
  while (AtWord("!")) {
    negated = !negated;
    RETURN_IF_ERROR(Advance());
  }
  ASSIGN_OR_RETURN(const ShellState before, Copy());
  const bool was_live = live_;
  ASSIGN_OR_RETURN(Truth truth, Command(false));
  const bool is_pipe = AtOperator("|") || AtOperator("|&");
  while (AtOperator("|") || AtOperator("|&")) {
    RETURN_IF_ERROR(Advance());
    RETURN_IF_ERROR(SkipNewlines());
    // Each part is a shell of its own.
    state_ = before;
    live_ = was_live;
    ASSIGN_OR_RETURN(truth, Command(true));
  }
  if (is_pipe) {
    state_ = before;
    live_ = was_live;
  }
  if (!negated) return truth;
  return truth == Truth::kTrue ? Truth::kFalse : truth == Truth::kFalse ? Truth::kTrue : Truth::kOpen;
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::Command(bool reads_pipe) {
  absl::StatusOr<Truth> truth = Truth::kAssumed;
  if (AtWord("if")) {
    truth = If();
  } else if (AtWord("while") || AtWord("until")) {
    truth = Loop();
  } else if (AtWord("for") || AtWord("select")) {
    truth = For();
  } else if (AtWord("case")) {
    truth = Case();
  } else if (AtWord("[[")) {
    truth = Brackets();
  } else if (AtWord("function")) {
    RETURN_IF_ERROR(Advance());
    RETURN_IF_ERROR(Advance());
    truth = Function();
  } else if (AtWord("{")) {
    RETURN_IF_ERROR(Advance());
    truth = List();
    RETURN_IF_ERROR(truth.status());
    RETURN_IF_ERROR(Expect("}"));
  } else if (AtOperator("(")) {
    truth = Subshell();
  } else {
    return Simple(reads_pipe);
  }
  RETURN_IF_ERROR(truth.status());
  RETURN_IF_ERROR(Redirections());
  return truth;
}

absl::Status ShellWalk::Redirections() {
  ShellCommand nothing;
  for (;;) {
    ASSIGN_OR_RETURN(const bool taken, TakeRedirection(nothing));
    if (!taken) return absl::OkStatus();
  }
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::If() {
  Branch branch = Branch::kRuns;
  bool decided = false;
  while (AtWord("if") || AtWord("elif")) {
    RETURN_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(const Truth condition, ListIn(decided ? Branch::kDoesNot : branch));
    RETURN_IF_ERROR(Expect("then"));
    const bool open = condition == Truth::kOpen || condition == Truth::kAssumed;
    const Branch then = decided || condition == Truth::kFalse ? Branch::kDoesNot
                        : open                                ? Branch::kMayRun
                                                              : branch;
    RETURN_IF_ERROR(ListIn(then).status());
    if (condition == Truth::kTrue) decided = true;
    if (open) branch = Branch::kMayRun;
  }
  if (AtWord("else")) {
    RETURN_IF_ERROR(Advance());
    RETURN_IF_ERROR(ListIn(decided ? Branch::kDoesNot : branch).status());
  }
  RETURN_IF_ERROR(Expect("fi"));
  return Truth::kAssumed;
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::Loop() {
  RETURN_IF_ERROR(Advance());
  RETURN_IF_ERROR(ListIn(Branch::kMayRun).status());
  RETURN_IF_ERROR(Expect("do"));
  RETURN_IF_ERROR(ListIn(Branch::kMayRun).status());
  RETURN_IF_ERROR(Expect("done"));
  return Truth::kAssumed;
}

absl::Status ShellWalk::ForBody(const std::string& name, const std::vector<ShellWord>& words) {
  const auto doubtful = [](const ShellWord& word) { return !word.unknown.empty() || word.pattern; };
  const bool known = words.size() <= kMostTurns && std::none_of(words.begin(), words.end(), doubtful);
  if (!live_ || !known || words.empty()) {
    state_.variables[name] = known && words.empty() ? std::optional<std::string>("") : std::nullopt;
    return ListIn(known && words.empty() ? Branch::kDoesNot : Branch::kMayRun).status();
  }
  const size_t begin = token_.begin;
  for (const ShellWord& word : words) {
    lexer_.MoveTo(begin);
    RETURN_IF_ERROR(Advance());
    RETURN_IF_ERROR(Count(ShellCommand()));
    Assign(name, word, false);
    RETURN_IF_ERROR(List().status());
  }
  return absl::OkStatus();
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::For() {
  RETURN_IF_ERROR(Advance());
  if (AtOperator("(")) return Incomprehensible("a loop that counts");
  const std::string name = token_.text;
  RETURN_IF_ERROR(Advance());
  RETURN_IF_ERROR(SkipNewlines());
  std::vector<ShellWord> words;
  if (AtWord("in")) {
    RETURN_IF_ERROR(Advance());
    while (token_.kind == ShellToken::Kind::kWord) {
      ASSIGN_OR_RETURN(std::vector<ShellWord> more, ExpandWord(token_.parts, state_));
      std::move(more.begin(), more.end(), std::back_inserter(words));
      RETURN_IF_ERROR(Advance());
    }
  } else {
    words.emplace_back().unknown = "the arguments of the script are not known";
  }
  if (AtOperator(";")) RETURN_IF_ERROR(Advance());
  RETURN_IF_ERROR(SkipNewlines());
  RETURN_IF_ERROR(Expect("do"));
  RETURN_IF_ERROR(ForBody(name, words));
  RETURN_IF_ERROR(Expect("done"));
  return Truth::kAssumed;
}

absl::StatusOr<ShellWalk::Branch> ShellWalk::CasePatterns(const ShellWord& subject, bool& decided) {
  if (AtOperator("(")) RETURN_IF_ERROR(Advance());
  bool matches = false;
  bool open = !subject.unknown.empty();
  while (token_.kind == ShellToken::Kind::kWord) {
    ASSIGN_OR_RETURN(const ShellWord pattern, ExpandText(token_.parts, state_));
    const bool literal = pattern.text.find_first_of("*?[") == std::string::npos;
    matches = matches || pattern.text == "*" || (literal && pattern.text == subject.text);
    open = open || !pattern.unknown.empty() || (!literal && pattern.text != "*");
    RETURN_IF_ERROR(Advance());
    if (!AtOperator("|")) break;
    RETURN_IF_ERROR(Advance());
  }
  RETURN_IF_ERROR(Expect(")"));
  if (decided) return Branch::kDoesNot;
  if (open) return Branch::kMayRun;
  decided = matches;
  return matches ? Branch::kRuns : Branch::kDoesNot;
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::Case() {
  RETURN_IF_ERROR(Advance());
  ASSIGN_OR_RETURN(const ShellWord subject, ExpandText(token_.parts, state_));
  RETURN_IF_ERROR(Advance());
  RETURN_IF_ERROR(SkipNewlines());
  RETURN_IF_ERROR(Expect("in"));
  bool decided = false;
  bool open = false;
  for (;;) {
    RETURN_IF_ERROR(SkipNewlines());
    if (AtWord("esac")) break;
    ASSIGN_OR_RETURN(Branch branch, CasePatterns(subject, decided));
    // Behind one that may have matched, the others may or may not.
    if (open && branch == Branch::kRuns) branch = Branch::kMayRun;
    open = open || branch == Branch::kMayRun;
    RETURN_IF_ERROR(ListIn(branch).status());
    if (AtOperator(";&") || AtOperator(";;&")) return Incomprehensible("'" + token_.text + "'");
    if (AtOperator(";;")) {
      RETURN_IF_ERROR(Advance());
    } else if (!AtWord("esac")) {
      return Incomprehensible("'" + token_.text + "'");
    }
  }
  RETURN_IF_ERROR(Expect("esac"));
  return Truth::kAssumed;
}

absl::Status ShellWalk::SkipArithmetic() {
  size_t at = token_.begin;
  int depth = 0;
  for (; at < text_.size(); ++at) {
    if (text_[at] == '(') ++depth;
    if (text_[at] == ')' && --depth == 0) break;
  }
  lexer_.MoveTo(std::min(at + 1, text_.size()));
  return Advance();
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::Subshell() {
  if (text_.substr(token_.begin).starts_with("((")) {
    RETURN_IF_ERROR(SkipArithmetic());
    return Truth::kOpen;
  }
  RETURN_IF_ERROR(Advance());
  ASSIGN_OR_RETURN(const ShellState before, Copy());
  const bool was_live = live_;
  ASSIGN_OR_RETURN(const Truth truth, List());
  state_ = before;
  live_ = was_live;
  RETURN_IF_ERROR(Expect(")"));
  return truth;
}

absl::StatusOr<ShellWalk::Truth> ShellWalk::Brackets() {
  RETURN_IF_ERROR(Advance());
  std::vector<ShellWord> words;
  bool simple = true;
  while (!AtWord("]]")) {
    if (token_.kind == ShellToken::Kind::kEnd) return absl::InvalidArgumentError("[[ does not end");
    if (token_.kind == ShellToken::Kind::kWord) {
      // Nothing is split there.
      ASSIGN_OR_RETURN(ShellWord word, ExpandText(token_.parts, state_));
      word.pattern = word.text.find_first_of("*?[") != std::string::npos;
      words.push_back(std::move(word));
    } else {
      simple = false;
    }
    RETURN_IF_ERROR(Advance());
  }
  RETURN_IF_ERROR(Advance());
  return simple ? Evaluate(words) : Truth::kOpen;
}

// Behind its name: its body is seen once, whoever calls it.
absl::StatusOr<ShellWalk::Truth> ShellWalk::Function() {
  if (AtOperator("(")) {
    RETURN_IF_ERROR(Advance());
    RETURN_IF_ERROR(Expect(")"));
  }
  RETURN_IF_ERROR(SkipNewlines());
  if (++depth_ > kMostDepth) return absl::ResourceExhaustedError("shell text nested too deeply");
  ASSIGN_OR_RETURN(const ShellState before, Copy());
  const bool was_live = live_;
  const bool was_in_function = in_function_;
  in_function_ = true;
  RETURN_IF_ERROR(Command(false).status());
  in_function_ = was_in_function;
  live_ = was_live;
  Merge(before, state_);
  --depth_;
  return Truth::kAssumed;
}

}  // namespace crossmill::predict
