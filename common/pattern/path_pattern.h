// Path patterns: those of Docker's ignore files (with `**`) and Go's filepath.Match for one segment.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::pattern {

// A compiled pattern over slash-separated paths: `*` and `?` stay inside a segment, `**/` is any
// number of segments (also none), any other `**` is any text, `[a-z]` and `[^a-z]` are classes, `\`
// takes the next character as it is. Immutable, thread safe.
class PathPattern {
 public:
  // INVALID_ARGUMENT for an unclosed class or a trailing `\`.
  static absl::StatusOr<PathPattern> Compile(std::string_view pattern);

  // The pattern matches the whole path.
  bool Matches(std::string_view path) const;
  // It matches the path or one of the folders that the path is in.
  bool MatchesPathOrParent(std::string_view path) const;
  // Some path that begins with `folder` and a slash could match.
  bool MayMatchBelow(std::string_view folder) const;
  // No wildcard: only one path matches.
  bool literal() const { return literal_; }

 private:
  enum class Kind : uint8_t { kChar, kAnyChar, kStar, kAnyText, kFolders, kClass };
  struct Token {
    Kind kind;
    char character;
    uint32_t char_class;  // index into classes_
  };
  class States;

  void Enter(size_t state, States& states) const;
  void Step(const States& from, char c, States& to) const;

  std::vector<Token> tokens_;
  std::vector<std::bitset<256>> classes_;
  bool literal_ = true;
  std::string literal_text_;
};

// Go's filepath.Match on one path segment. A malformed pattern matches nothing.
bool MatchSegment(std::string_view pattern, std::string_view name);

// True if the text has an unescaped `*`, `?` or `[`.
bool HasWildcards(std::string_view pattern);

// Lexically cleaned absolute path: "/" + text without empty, `.` and `..` segments, `..` stopping at
// the root; no trailing slash.
std::string CleanAbsolute(std::string_view path);

// The text with `\` escapes taken away.
std::string Unescape(std::string_view pattern);

}  // namespace crossmill::pattern
