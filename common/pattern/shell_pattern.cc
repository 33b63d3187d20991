#include "common/pattern/shell_pattern.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "common/base/status.h"

namespace crossmill::pattern {
namespace {

constexpr size_t kLongestResult = size_t{1} << 20;

// Characters are Unicode code points where the bytes are UTF-8, else bytes.
size_t CharacterLength(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (length > text.size()) return 1;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 1;
  }
  return length;
}

std::vector<std::string_view> Characters(std::string_view text) {
  std::vector<std::string_view> characters;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    characters.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return characters;
}

struct Token {
  enum Kind { kCharacter, kAnyCharacter, kStar } kind;
  std::string_view character;
};

absl::StatusOr<std::vector<Token>> Compile(std::string_view pattern) {
  std::vector<Token> tokens;
  const std::vector<std::string_view> characters = Characters(pattern);
  for (size_t i = 0; i < characters.size(); ++i) {
    const std::string_view c = characters[i];
    if (c == "*") {
      tokens.push_back({Token::kStar, {}});
    } else if (c == "?") {
      tokens.push_back({Token::kAnyCharacter, {}});
    } else if (c == "\\") {
      const std::string_view next = i + 1 < characters.size() ? characters[i + 1] : "";
      if (next != "*" && next != "?" && next != "\\" && next != "/" && next != "}") {
        return absl::InvalidArgumentError(fmt::format(
            "unknown escape '\\{}' in the pattern '{}'; expected \\*, \\? or \\\\", next, pattern));
      }
      tokens.push_back({Token::kCharacter, next});
      ++i;
    } else {
      tokens.push_back({Token::kCharacter, c});
    }
  }
  return tokens;
}

// Where matches that begin at text[begin] end: the first or the last such place. With reversed tokens and
// text it finds beginnings.
class ShellMatcher {
 public:
  explicit ShellMatcher(const std::vector<Token>& tokens)
      : tokens_(tokens), current_(tokens.size() + 1), next_(tokens.size() + 1) {}

  std::optional<size_t> End(const std::vector<std::string_view>& text, size_t begin, bool longest) {
    std::fill(current_.begin(), current_.end(), 0);
    Enter(current_, 0);
    std::optional<size_t> end;
    for (size_t i = begin;; ++i) {
      if (current_.back() != 0) {
        end = i;
        if (!longest) return end;
      }
      if (i == text.size() || !Step(text[i])) return end;
    }
  }

  // By place, text.size() too: whether a match ends there that begins anywhere before it. One walk over the
  // text.
  std::vector<char> Ends(const std::vector<std::string_view>& text) {
    std::vector<char> ends(text.size() + 1, 0);
    std::fill(current_.begin(), current_.end(), 0);
    for (size_t i = 0;; ++i) {
      Enter(current_, 0);
      ends[i] = current_.back();
      if (i == text.size()) return ends;
      Step(text[i]);
    }
  }

 private:
  void Enter(std::vector<char>& states, size_t state) const {
    states[state] = 1;
    while (state < tokens_.size() && tokens_[state].kind == Token::kStar) states[++state] = 1;
  }
  bool Step(std::string_view character) {
    std::fill(next_.begin(), next_.end(), 0);
    bool alive = false;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (current_[i] == 0) continue;
      // As in the builder, wildcards do not match a line end.
      const bool matches =
          tokens_[i].kind == Token::kCharacter ? tokens_[i].character == character : character != "\n";
      if (!matches) continue;
      alive = true;
      Enter(next_, tokens_[i].kind == Token::kStar ? i : i + 1);
    }
    std::swap(current_, next_);
    return alive;
  }

  const std::vector<Token>& tokens_;
  std::vector<char> current_;
  std::vector<char> next_;
};

// By place: whether a match begins there. Matches are looked for only at these, so that the whole takes time
// in proportion to the text: what begins with a `*` in it goes on to the last place in its line where any
// match could end, so that no two walks go over one line.
std::vector<char> Begins(std::vector<Token> tokens, std::vector<std::string_view> text) {
  std::reverse(tokens.begin(), tokens.end());
  std::reverse(text.begin(), text.end());
  std::vector<char> begins = ShellMatcher(tokens).Ends(text);
  std::reverse(begins.begin(), begins.end());
  return begins;
}

std::string Join(const std::vector<std::string_view>& characters, size_t begin, size_t end) {
  std::string text;
  for (size_t i = begin; i < end; ++i) text += characters[i];
  return text;
}

}  // namespace

absl::StatusOr<std::string> WithoutPrefix(std::string_view value, std::string_view pattern, bool longest,
                                          Effort* effort) {
  RETURN_IF_ERROR(Spend(effort, value.size() + 1, pattern.size() + 1));
  ASSIGN_OR_RETURN(const std::vector<Token> tokens, Compile(pattern));
  const std::vector<std::string_view> text = Characters(value);
  const std::optional<size_t> end = ShellMatcher(tokens).End(text, 0, longest);
  return end ? Join(text, *end, text.size()) : std::string(value);
}

absl::StatusOr<std::string> WithoutSuffix(std::string_view value, std::string_view pattern, bool longest,
                                          Effort* effort) {
  RETURN_IF_ERROR(Spend(effort, value.size() + 1, pattern.size() + 1));
  ASSIGN_OR_RETURN(std::vector<Token> tokens, Compile(pattern));
  std::vector<std::string_view> text = Characters(value);
  std::reverse(tokens.begin(), tokens.end());
  std::reverse(text.begin(), text.end());
  const std::optional<size_t> end = ShellMatcher(tokens).End(text, 0, longest);
  if (!end) return std::string(value);
  std::reverse(text.begin(), text.end());
  return Join(text, 0, text.size() - *end);
}

absl::StatusOr<std::string> Replace(std::string_view value, std::string_view pattern,
                                    std::string_view replacement, bool all, Effort* effort) {
  RETURN_IF_ERROR(Spend(effort, value.size() + 1, pattern.size() + 1));
  ASSIGN_OR_RETURN(const std::vector<Token> tokens, Compile(pattern));
  const std::vector<std::string_view> text = Characters(value);
  const std::vector<char> begins = Begins(tokens, text);
  ShellMatcher matcher(tokens);
  std::string result;
  std::optional<size_t> last_end;
  for (size_t i = 0; i <= text.size();) {
    const std::optional<size_t> end = begins[i] != 0 ? matcher.End(text, i, true) : std::nullopt;
    // An empty match right behind another match does not count.
    if (end && (*end > i || last_end != i)) {
      result += replacement;
      if (result.size() > kLongestResult) {
        return absl::InvalidArgumentError("the expansion is too long; expected at most 1 MiB");
      }
      last_end = *end;
      if (!all) return result + Join(text, *end, text.size());
      if (*end > i) {
        i = *end;
        continue;
      }
    }
    if (i < text.size()) result += text[i];
    ++i;
  }
  return result;
}

}  // namespace crossmill::pattern
