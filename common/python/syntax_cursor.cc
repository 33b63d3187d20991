// What stands at a place of a requirement line.
#include "common/python/syntax_cursor.h"

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::python {
namespace {

bool IsWordChar(char c) {
  // Letters beyond ASCII belong to words, as in Python's patterns.
  const auto byte = static_cast<unsigned char>(c);
  return absl::ascii_isalnum(byte) || c == '_' || byte >= 0x80;
}

}  // namespace

bool SyntaxCursor::SkipBlanks() {
  const size_t begin = at_;
  while (Peek() == ' ' || Peek() == '\t') ++at_;
  return at_ != begin;
}

bool SyntaxCursor::Take(char c) {
  if (AtEnd() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool SyntaxCursor::TakeWord(std::string_view word) {
  if (!Rest().starts_with(word)) return false;
  if (at_ + word.size() < text_.size() && IsWordChar(text_[at_ + word.size()])) return false;
  at_ += word.size();
  return true;
}

std::string_view SyntaxCursor::TakeName() {
  const std::string_view rest = Rest();
  size_t end = 0;
  const auto alnum = [&](size_t i) { return absl::ascii_isalnum(static_cast<unsigned char>(rest[i])); };
  while (end < rest.size() &&
         (alnum(end) || (end > 0 && (rest[end] == '.' || rest[end] == '_' || rest[end] == '-')))) {
    ++end;
  }
  // A name ends with a letter or digit: "name-" is a name and a dash.
  while (end > 0 && !alnum(end - 1)) --end;
  at_ += end;
  return rest.substr(0, end);
}

absl::Status SyntaxCursor::ErrorAt(size_t at, std::string_view message) const {
  return absl::InvalidArgumentError(fmt::format("column {}: {}", at + 1, message));
}

std::string SyntaxCursor::Here() const {
  return AtEnd() ? "the end" : fmt::format("'{}'", Printable(Rest().substr(0, 40)));
}

}  // namespace crossmill::python
