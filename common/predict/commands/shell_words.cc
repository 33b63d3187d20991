// Expansion of variables, and the splitting that follows it.
#include "common/predict/commands/shell_words.h"

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

constexpr int kMostNesting = 20;
constexpr std::string_view kFieldBlanks = " \t\n";

struct Value {
  std::string text;
  std::string unknown;
};

absl::StatusOr<Value> ExpandParts(const std::vector<WordPart>& parts, const ShellState& state, int depth);

// ${name-word} and its kin.
absl::StatusOr<Value> VariableValue(const WordPart& part, const ShellState& state, int depth) {
  const auto found = state.variables.find(part.text);
  const bool is_set = found != state.variables.end();
  if (is_set && !found->second.has_value())
    return Value{"", fmt::format("the value of ${} is not known", part.text)};
  std::string text = is_set ? *found->second : "";
  if (part.operation.empty()) return Value{std::move(text), ""};
  const bool has_value = part.operation[0] == ':' ? !text.empty() : is_set;
  const bool alternative = part.operation.back() == '+';
  if (has_value != alternative) return Value{alternative ? "" : std::move(text), ""};
  if (part.operation.back() == '?') return Value{"", fmt::format("${} has to be set", part.text)};
  if (depth >= kMostNesting) return absl::InvalidArgumentError("expansions too deep within each other");
  ASSIGN_OR_RETURN(const std::vector<WordPart> inner, ReadWordParts(part.argument));
  return ExpandParts(inner, state, depth + 1);
}

absl::StatusOr<Value> ExpandParts(const std::vector<WordPart>& parts, const ShellState& state, int depth) {
  Value value;
  for (const WordPart& part : parts) {
    if (part.kind == WordPart::Kind::kLiteral) {
      value.text += part.text;
    } else if (part.kind == WordPart::Kind::kUnknown) {
      value.unknown =
          fmt::format("what {} gives is known only when it runs", Printable(part.text.substr(0, 100)));
    } else {
      ASSIGN_OR_RETURN(const Value one, VariableValue(part, state, depth));
      value.text += one.text;
      if (!one.unknown.empty()) value.unknown = one.unknown;
    }
  }
  return value;
}

// Collects the words that come of one.
class WordSplitter {
 public:
  void Whole(std::string_view text) {
    word_.text += text;
    begun_ = true;
  }
  void Unknown(std::string why) {
    word_.unknown = std::move(why);
    begun_ = true;
  }
  void Pattern() { word_.pattern = true; }

  void Split(std::string_view text) {
    while (!text.empty()) {
      const size_t blank = text.find_first_of(kFieldBlanks);
      if (blank != 0) Whole(text.substr(0, blank));
      if (blank == text.npos) return;
      End();
      const size_t next = text.find_first_not_of(kFieldBlanks, blank);
      text.remove_prefix(next == text.npos ? text.size() : next);
    }
  }

  std::vector<ShellWord> Take() {
    End();
    return std::move(words_);
  }

 private:
  void End() {
    if (begun_) words_.push_back(std::move(word_));
    word_ = ShellWord();
    begun_ = false;
  }

  std::vector<ShellWord> words_;
  ShellWord word_;
  bool begun_ = false;
};

}  // namespace

absl::StatusOr<std::vector<ShellWord>> ExpandWord(const std::vector<WordPart>& parts,
                                                  const ShellState& state) {
  WordSplitter splitter;
  for (const WordPart& part : parts) {
    ASSIGN_OR_RETURN(const Value value, ExpandParts({part}, state, 0));
    const bool literal = part.kind == WordPart::Kind::kLiteral;
    if (!value.unknown.empty()) splitter.Unknown(value.unknown);
    if (part.quoted || literal) {
      if (!literal || !value.text.empty() || part.quoted) splitter.Whole(value.text);
    } else {
      splitter.Split(value.text);
    }
    if (!part.quoted && value.text.find_first_of("*?") != std::string::npos) splitter.Pattern();
  }
  return splitter.Take();
}

absl::StatusOr<ShellWord> ExpandText(const std::vector<WordPart>& parts, const ShellState& state) {
  ASSIGN_OR_RETURN(Value value, ExpandParts(parts, state, 0));
  ShellWord word;
  word.text = std::move(value.text);
  word.unknown = std::move(value.unknown);
  return word;
}

}  // namespace crossmill::predict
