// A place in a requirement line (PEP 508): what follows there, and errors that name the column. Shared by the
// readers of requirements and markers.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace crossmill::python {

class SyntaxCursor {
 public:
  // The text outlives it.
  explicit SyntaxCursor(std::string_view text) : text_(text) {}

  bool AtEnd() const { return at_ >= text_.size(); }
  size_t at() const { return at_; }
  void MoveTo(size_t at) { at_ = at; }
  std::string_view Rest() const { return text_.substr(at_); }
  // '\0' at the end.
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }

  // Goes past blanks and tabs; whether there were any.
  bool SkipBlanks();
  bool Take(char c);
  // Goes past `word` if it stands here and does not go on as a longer word.
  bool TakeWord(std::string_view word);
  // Takes a name of a project or extra; empty if none stands here.
  std::string_view TakeName();

  // INVALID_ARGUMENT "column N: message", counted from 1.
  absl::Status Error(std::string_view message) const { return ErrorAt(at_, message); }
  absl::Status ErrorAt(size_t at, std::string_view message) const;
  // "'found' " for messages: what stands here, or "the end".
  std::string Here() const;

 private:
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace crossmill::python
