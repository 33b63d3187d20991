// Quotes, escapes, expansions and operators of shell text.
#include "common/predict/commands/shell_lexer.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "common/base/status.h"

namespace crossmill::predict {
namespace {

constexpr std::string_view kEnders = " \t\r\n;&|<>()";
// The longest first.
constexpr std::array<std::string_view, 21> kOperators = {"<<<", "<<-", "&>>", ";;&", "&&", "||", ";;",
                                                         ";&",  "<<",  ">>",  "<&",  ">&", "<>", ">|",
                                                         "&>",  "|&",  ";",   "&",   "|",  "<",  ">"};

bool IsNameStart(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool IsNameChar(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

absl::Status Unended(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{} does not end", what));
}

// The place behind what begins at `at` with an opening bracket, quotes inside respected; npos if it does not
// end.
size_t SkipBrackets(std::string_view text, size_t at, char open, char close) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (c == '\'') {
      at = text.find('\'', at + 1);
      if (at == text.npos) return text.npos;
    } else if (c == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\' ? 1 : 0;
      if (at >= text.size()) return text.npos;
    } else if (c == open) {
      ++depth;
    } else if (c == close && --depth == 0) {
      return at + 1;
    }
  }
  return text.npos;
}

// Reads one word from its beginning; at its end the first character that is none of it.
class WordReader {
 public:
  explicit WordReader(std::string_view text) : text_(text) {}

  absl::Status Read(bool whole) {
    if (At() == '~' && (text_.size() == 1 || text_[1] == '/' || kEnders.find(text_[1]) != kEnders.npos)) {
      Variable("HOME", false);
      ++at_;
    }
    while (at_ < text_.size() && (whole || kEnders.find(text_[at_]) == kEnders.npos))
      RETURN_IF_ERROR(Step(false));
    return absl::OkStatus();
  }

  size_t end() const { return at_; }
  bool plain() const { return plain_; }
  std::vector<WordPart> TakeParts() { return std::move(parts_); }

 private:
  char At(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void Literal(std::string_view text, bool quoted) {
    if (parts_.empty() || parts_.back().kind != WordPart::Kind::kLiteral || parts_.back().quoted != quoted)
      parts_.push_back({WordPart::Kind::kLiteral, "", quoted, "", ""});
    parts_.back().text += text;
  }

  void Variable(std::string_view name, bool quoted) {
    plain_ = false;
    parts_.push_back({WordPart::Kind::kVariable, std::string(name), quoted, "", ""});
  }

  void Unknown(size_t end, bool quoted) {
    plain_ = false;
    parts_.push_back({WordPart::Kind::kUnknown, std::string(text_.substr(at_, end - at_)), quoted, "", ""});
    at_ = end;
  }

  absl::Status Step(bool quoted) {
    switch (text_[at_]) {
      case '\\':
        return Escape(quoted);
      case '$':
        return Dollar(quoted);
      case '`': {
        size_t end = at_ + 1;
        while (end < text_.size() && text_[end] != '`') end += text_[end] == '\\' ? 2 : 1;
        if (end >= text_.size()) return Unended("a backquote");
        Unknown(end + 1, quoted);
        return absl::OkStatus();
      }
      case '\'':
        if (!quoted) return SingleQuotes();
        break;
      case '"':
        if (!quoted) return DoubleQuotes();
        break;
      default:
        break;
    }
    Literal(text_.substr(at_, 1), quoted);
    ++at_;
    return absl::OkStatus();
  }

  absl::Status Escape(bool quoted) {
    plain_ = false;
    if (At(1) == '\n') {
      at_ += 2;
      return absl::OkStatus();
    }
    constexpr std::string_view kEscapable = "$`\"\\";
    if (at_ + 1 >= text_.size() || (quoted && kEscapable.find(At(1)) == kEscapable.npos)) {
      Literal("\\", true);
      ++at_;
      return absl::OkStatus();
    }
    Literal(text_.substr(at_ + 1, 1), true);
    at_ += 2;
    return absl::OkStatus();
  }

  absl::Status SingleQuotes() {
    plain_ = false;
    const size_t end = text_.find('\'', at_ + 1);
    if (end == text_.npos) return Unended("a quote");
    Literal(text_.substr(at_ + 1, end - at_ - 1), true);
    at_ = end + 1;
    return absl::OkStatus();
  }

  absl::Status DoubleQuotes() {
    plain_ = false;
    // An empty text in quotes is a word.
    Literal("", true);
    for (++at_; At() != '"';) {
      if (at_ >= text_.size()) return Unended("a quote");
      RETURN_IF_ERROR(Step(true));
    }
    ++at_;
    return absl::OkStatus();
  }

  absl::Status Dollar(bool quoted) {
    const char next = At(1);
    if (next == '(') {
      const size_t end = SkipBrackets(text_, at_ + 1, '(', ')');
      if (end == text_.npos) return Unended("$(");
      Unknown(end, quoted);
    } else if (next == '{') {
      return Braces(quoted);
    } else if (next == '\'' && !quoted) {
      // Its escapes are bash's own.
      size_t end = at_ + 2;
      while (end < text_.size() && text_[end] != '\'') end += text_[end] == '\\' ? 2 : 1;
      if (end >= text_.size()) return Unended("a quote");
      const std::string_view inside = text_.substr(at_ + 2, end - at_ - 2);
      if (inside.find('\\') != inside.npos) {
        Unknown(end + 1, true);
      } else {
        plain_ = false;
        Literal(inside, true);
        at_ = end + 1;
      }
    } else if (IsNameStart(next)) {
      size_t end = at_ + 1;
      while (end < text_.size() && IsNameChar(text_[end])) ++end;
      Variable(text_.substr(at_ + 1, end - at_ - 1), quoted);
      at_ = end;
    } else if (next != '\0' && std::string_view("0123456789@*#?$!-").find(next) != std::string_view::npos) {
      Unknown(at_ + 2, quoted);
    } else {
      Literal("$", quoted);
      ++at_;
    }
    return absl::OkStatus();
  }

  absl::Status Braces(bool quoted) {
    const size_t end = SkipBrackets(text_, at_ + 1, '{', '}');
    if (end == text_.npos) return Unended("${");
    const std::string_view inside = text_.substr(at_ + 2, end - at_ - 3);
    size_t length = 0;
    while (length < inside.size() && IsNameChar(inside[length])) ++length;
    std::string_view rest = inside.substr(length);
    const size_t colon = rest.starts_with(':') ? 1 : 0;
    const bool known =
        rest.size() > colon && std::string_view("-+?=").find(rest[colon]) != std::string_view::npos;
    if (length == 0 || !IsNameStart(inside[0]) || (!rest.empty() && !known)) {
      Unknown(end, quoted);
      return absl::OkStatus();
    }
    Variable(inside.substr(0, length), quoted);
    if (!rest.empty()) {
      parts_.back().operation = std::string(rest.substr(0, colon + 1));
      parts_.back().argument = std::string(rest.substr(colon + 1));
    }
    at_ = end;
    return absl::OkStatus();
  }

  std::string_view text_;
  size_t at_ = 0;
  bool plain_ = true;
  std::vector<WordPart> parts_;
};

}  // namespace

absl::StatusOr<std::vector<WordPart>> ReadWordParts(std::string_view text) {
  WordReader reader(text);
  RETURN_IF_ERROR(reader.Read(true));
  return reader.TakeParts();
}

void ShellLexer::SkipBlanks() {
  while (place_ < text_.size()) {
    const char c = text_[place_];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++place_;
    } else if (text_.substr(place_).starts_with("\\\n")) {
      place_ += 2;
    } else if (c == '#') {
      place_ = std::min(text_.find('\n', place_), text_.size());
    } else {
      return;
    }
  }
}

absl::StatusOr<ShellToken> ShellLexer::ReadWord() {
  WordReader reader(text_.substr(place_));
  RETURN_IF_ERROR(reader.Read(false));
  ShellToken token;
  token.kind = ShellToken::Kind::kWord;
  token.begin = place_;
  token.end = place_ + reader.end();
  token.text = std::string(text_.substr(place_, reader.end()));
  token.plain = reader.plain();
  token.parts = reader.TakeParts();
  place_ = token.end;
  return token;
}

absl::StatusOr<ShellToken> ShellLexer::Next() {
  SkipBlanks();
  ShellToken token;
  token.begin = token.end = place_;
  if (place_ >= text_.size()) return token;
  if (text_[place_] == '\n') {
    token.kind = ShellToken::Kind::kNewline;
    place_ = SkipHeredocs(place_ + 1, nullptr);
    heredocs_.clear();
    token.end = place_;
    return token;
  }
  token.kind = ShellToken::Kind::kOperator;
  if (text_[place_] == '(' || text_[place_] == ')') {
    token.text = text_[place_];
    token.end = ++place_;
    return token;
  }
  for (const std::string_view one : kOperators) {
    if (!text_.substr(place_).starts_with(one)) continue;
    token.text = std::string(one);
    place_ += one.size();
    token.end = place_;
    return token;
  }
  return ReadWord();
}

size_t ShellLexer::Announce(std::string name, bool strip_tabs) {
  heredocs_.push_back({std::move(name), strip_tabs});
  return heredocs_.size() - 1;
}

size_t ShellLexer::SkipHeredocs(size_t line_end, std::vector<std::string>* texts) const {
  size_t at = line_end;
  for (const Announced& announced : heredocs_) {
    std::string content;
    while (at < text_.size()) {
      const size_t end = std::min(text_.find('\n', at), text_.size());
      std::string_view line = text_.substr(at, end - at);
      at = std::min(end + 1, text_.size());
      if (announced.strip_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
      if (line == announced.name) break;
      if (texts != nullptr) content.append(line).append("\n");
    }
    if (texts != nullptr) texts->push_back(std::move(content));
  }
  return at;
}

absl::StatusOr<std::string> ShellLexer::Heredoc(size_t index) {
  // The line goes on behind words that may hold line ends in quotes.
  ShellLexer ahead(text_);
  ahead.place_ = place_;
  for (;;) {
    ASSIGN_OR_RETURN(const ShellToken token, ahead.Next());
    if (token.kind == ShellToken::Kind::kEnd) return "";
    if (token.kind != ShellToken::Kind::kNewline) continue;
    std::vector<std::string> texts;
    SkipHeredocs(token.begin + 1, &texts);
    return index < texts.size() ? texts[index] : "";
  }
}

}  // namespace crossmill::predict
