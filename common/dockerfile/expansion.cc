#include "common/dockerfile/expansion.h"

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/dockerfile/words.h"
#include "common/pattern/shell_pattern.h"

namespace crossmill::dockerfile {
namespace {

constexpr size_t kLongestResult = size_t{1} << 20;
// ${a:-${b:-...}}: deeper nesting is not a recipe but an attack on the stack.
constexpr int kDeepest = 100;
constexpr size_t kUnitsOfCopy = 4;

absl::Status Error(std::string_view message) { return absl::InvalidArgumentError(Av(message)); }

// The expansion of a text: as one text and as words.
struct Expanded {
  std::string text;
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;

  void AddRaw(std::string_view piece) {
    text += piece;
    word += piece;
    in_word = true;
  }
  void AddSplit(std::string_view piece) {
    for (const char c : piece) {
      text += c;
      if (!IsBlank(c)) {
        word += c;
        in_word = true;
      } else {
        EndWord();
      }
    }
  }
  void EndWord() {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
    in_word = false;
  }
};

class Expander {
 public:
  Expander(std::string_view text, const Variables& variables, const ExpansionOptions& options)
      : text_(text), variables_(variables), options_(options) {}

  // Until the end, or until and with an unquoted `stop` (0: none). With `raw_escapes` escapes stay in
  // the result, because a pattern reads them.
  absl::StatusOr<Expanded> Run(char stop, bool raw_escapes);
  bool AtEnd() const { return at_ >= text_.size(); }

 private:
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  bool PeekIs(char c) const { return !AtEnd() && text_[at_] == c; }

  absl::StatusOr<std::string> SingleQuoted();
  absl::StatusOr<std::string> DoubleQuoted();
  absl::StatusOr<std::string> Dollar();
  absl::StatusOr<std::string> Braces();
  absl::StatusOr<std::string> Conditional(const std::string& name, char operation, bool empty_is_unset);
  absl::StatusOr<std::string> Trimmed(const std::string& name, char operation);
  absl::StatusOr<std::string> Replaced(const std::string& name);
  // A nested word up to `stop`.
  absl::StatusOr<std::string> Operand(char stop, bool raw_escapes);
  std::string Name();
  // Values are copied, also where nothing of them stays.
  absl::Status SpendOn(const std::string& value) {
    return pattern::Spend(options_.effort, value.size() + 16, kUnitsOfCopy);
  }
  const std::string* Find(const std::string& name) const {
    const auto found = variables_.find(name);
    return found == variables_.end() ? nullptr : &found->second;
  }
  std::string ValueOf(const std::string& name) const {
    const std::string* value = Find(name);
    return value == nullptr ? "" : *value;
  }

  const std::string_view text_;
  const Variables& variables_;
  const ExpansionOptions& options_;
  size_t at_ = 0;
  int depth_ = 0;
  bool raw_escapes_ = false;
};

absl::StatusOr<Expanded> Expander::Run(char stop, bool raw_escapes) {
  const bool outer_raw_escapes = raw_escapes_;
  raw_escapes_ = raw_escapes;
  Expanded result;
  while (!AtEnd()) {
    const char c = Peek();
    if (stop != 0 && c == stop) {
      ++at_;
      raw_escapes_ = outer_raw_escapes;
      result.EndWord();
      return result;
    }
    if (c == '$') {
      ASSIGN_OR_RETURN(const std::string value, Dollar());
      RETURN_IF_ERROR(SpendOn(value));
      result.AddSplit(value);
    } else if (!options_.quotes_are_text && (c == '\'' || c == '"')) {
      ASSIGN_OR_RETURN(const std::string value, c == '"' ? DoubleQuoted() : SingleQuoted());
      result.AddRaw(value);
    } else if (c == options_.escape) {
      ++at_;
      const bool kept = options_.is_pattern && options_.escape == '\\' && !AtEnd() &&
                        std::string_view("*?[").find(text_[at_]) != std::string_view::npos;
      if (raw_escapes || kept) result.AddRaw(std::string_view(&options_.escape, 1));
      if (AtEnd()) break;
      result.AddRaw(text_.substr(at_++, 1));
    } else {
      result.AddSplit(text_.substr(at_++, 1));
    }
    if (result.text.size() > kLongestResult)
      return Error("the expansion is too long; expected at most 1 MiB");
  }
  if (stop != 0) return Error(fmt::format("'${{' is not closed; expected '{}'", stop));
  result.EndWord();
  return result;
}

absl::StatusOr<std::string> Expander::Operand(char stop, bool raw_escapes) {
  if (++depth_ > kDeepest) return Error("'${' is nested too deeply; expected at most 100 levels");
  ASSIGN_OR_RETURN(Expanded result, Run(stop, raw_escapes));
  --depth_;
  return std::move(result.text);
}

absl::StatusOr<std::string> Expander::SingleQuoted() {
  const size_t begin = ++at_;
  const size_t end = text_.find('\'', begin);
  if (end == std::string_view::npos) return Error("a single quote is not closed; expected '");
  at_ = end + 1;
  return std::string(text_.substr(begin, end - begin));
}

absl::StatusOr<std::string> Expander::DoubleQuoted() {
  ++at_;
  std::string result;
  while (!AtEnd()) {
    const char c = Peek();
    if (c == '"') {
      ++at_;
      return result;
    }
    if (c == '$') {
      ASSIGN_OR_RETURN(const std::string value, Dollar());
      RETURN_IF_ERROR(SpendOn(value));
      result += value;
      if (result.size() > kLongestResult) return Error("the expansion is too long; expected at most 1 MiB");
      continue;
    }
    ++at_;
    if (c != options_.escape) {
      result += c;
      continue;
    }
    if (raw_escapes_) result += c;
    if (AtEnd()) continue;
    // Only these can be escaped between double quotes; before others the escape is text.
    if (PeekIs('"') || PeekIs('$') || PeekIs(options_.escape)) {
      result += text_[at_++];
    } else {
      result += c;
    }
  }
  return Error("a double quote is not closed; expected \"");
}

// A name, one of the special parameters, or digits; may be empty.
std::string Expander::Name() {
  const size_t begin = at_;
  const auto is_digit = [&] {
    return !AtEnd() && absl::ascii_isdigit(static_cast<unsigned char>(text_[at_]));
  };
  if (is_digit()) {
    while (is_digit()) ++at_;
  } else if (!AtEnd() && std::string_view("@*#?-$!").find(text_[at_]) != std::string_view::npos) {
    ++at_;
  } else {
    while (!AtEnd() && (absl::ascii_isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
      ++at_;
  }
  return std::string(text_.substr(begin, at_ - begin));
}

absl::StatusOr<std::string> Expander::Dollar() {
  ++at_;
  if (PeekIs('{')) return Braces();
  const std::string name = Name();
  return name.empty() ? "$" : ValueOf(name);
}

absl::StatusOr<std::string> Expander::Braces() {
  ++at_;
  if (AtEnd()) return Error("'${' is not closed; expected '}'");
  if (PeekIs('{') || PeekIs('}') || PeekIs(':')) return Error("'${' has no name behind it; expected ${NAME}");
  const std::string name = Name();
  if (AtEnd()) return Error(fmt::format("'${{{}' is not closed; expected '}}'", name));
  char operation = text_[at_++];
  bool empty_is_unset = false;
  if (operation == ':') {
    if (AtEnd()) return Error(fmt::format("'${{{}:' is not closed; expected '}}'", name));
    empty_is_unset = true;
    operation = text_[at_++];
  }
  switch (operation) {
    case '}':
      if (!empty_is_unset) return ValueOf(name);
      break;
    case '-':
    case '+':
    case '?':
      return Conditional(name, operation, empty_is_unset);
    case '#':
    case '%':
      if (!empty_is_unset) return Trimmed(name, operation);
      break;
    case '/':
      if (!empty_is_unset) return Replaced(name);
      break;
    default:
      break;
  }
  return Error(
      fmt::format("unknown operator '{}{}' in '${{{}...}}'; expected one of :- - :+ + :? ? # ## % %% / //",
                  empty_is_unset ? ":" : "", operation, name));
}

absl::StatusOr<std::string> Expander::Conditional(const std::string& name, char operation,
                                                  bool empty_is_unset) {
  ASSIGN_OR_RETURN(const std::string word, Operand('}', false));
  const std::string* value = Find(name);
  const bool missing = value == nullptr || (empty_is_unset && value->empty());
  if (operation == '-') return missing ? word : *value;
  if (operation == '+') return missing ? "" : word;
  if (!missing) return *value;
  if (!word.empty()) return Error(fmt::format("{}: {}", name, word));
  return Error(fmt::format("{} is {}; expected a value", name, value == nullptr ? "not set" : "empty"));
}

absl::StatusOr<std::string> Expander::Trimmed(const std::string& name, char operation) {
  ASSIGN_OR_RETURN(const std::string operand, Operand('}', true));
  std::string_view pattern = operand;
  const bool longest = !pattern.empty() && pattern.front() == operation;
  if (longest) pattern.remove_prefix(1);
  const std::string value = ValueOf(name);
  return operation == '#' ? pattern::WithoutPrefix(value, pattern, longest, options_.effort)
                          : pattern::WithoutSuffix(value, pattern, longest, options_.effort);
}

absl::StatusOr<std::string> Expander::Replaced(const std::string& name) {
  const bool all = PeekIs('/');
  if (all) ++at_;
  ASSIGN_OR_RETURN(const std::string pattern, Operand('/', true));
  ASSIGN_OR_RETURN(const std::string replacement, Operand('}', true));
  return pattern::Replace(ValueOf(name), pattern, replacement, all, options_.effort);
}

}  // namespace

absl::StatusOr<std::string> Expand(std::string_view text, const Variables& variables,
                                   const ExpansionOptions& options) {
  ASSIGN_OR_RETURN(Expanded result, Expander(text, variables, options).Run(0, false));
  return std::move(result.text);
}

absl::StatusOr<std::vector<std::string>> ExpandToWords(std::string_view text, const Variables& variables,
                                                       const ExpansionOptions& options) {
  ASSIGN_OR_RETURN(Expanded result, Expander(text, variables, options).Run(0, false));
  return std::move(result.words);
}

}  // namespace crossmill::dockerfile
