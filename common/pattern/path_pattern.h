// Path patterns, compiled once: COPY's (Go's filepath.Match) and those of ignore files. One engine for both.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::pattern {

// What a pattern's stars mean.
enum class Dialect {
  // Sources of COPY and ADD: Go's filepath.Match on each component. `**` is the same as `*`.
  kCopy,
  // Ignore files, --exclude and --parents: `**/` is any number of folders, also none; a `**` at the end is
  // any
  // text, elsewhere it stands for folders likewise (moby/patternmatcher).
  kIgnore,
};

// A compiled pattern over slash-separated paths. In both dialects `*` and `?` stay inside a component, a
// class
// `[a-z]`, `[^a-z]` matches one character but no slash (`!` is an ordinary member, as in Go), and `\` takes
// the next character as it is. Characters are code points where the bytes are UTF-8, else bytes.
//
// Matching keeps the set of places in the pattern where a prefix of the path can stand, so its time is at
// most the product of both lengths, whatever the pattern. Immutable, thread safe.
class PathPattern {
 public:
  // INVALID_ARGUMENT for a malformed class or a trailing `\`.
  static absl::StatusOr<PathPattern> Compile(std::string_view pattern, Dialect dialect);

  // The pattern matches the whole path.
  bool Matches(std::string_view path) const;
  // It matches the path or one of the folders that the path is in.
  bool MatchesPathOrParent(std::string_view path) const;
  // Some path that begins with `folder` and a slash could match. "" is the folder that all paths are in.
  bool MayMatchBelow(std::string_view folder) const;
  // No wildcard: only one path matches.
  bool literal() const { return literal_; }

 private:
  enum class Kind : uint8_t { kCharacter, kAnyCharacter, kStar, kAnyText, kFolders, kClass };
  struct Token {
    Kind kind;
    // A code point, or kBadByte and the byte.
    uint32_t character = 0;
    // Index into classes_.
    uint32_t char_class = 0;
  };
  struct Class {
    bool negated = false;
    // First and last member of each range.
    std::vector<std::pair<uint32_t, uint32_t>> ranges;
    bool Has(uint32_t character) const;
  };
  class States;
  class Reader;

  void Add(Kind kind, uint32_t character = 0);
  void Enter(size_t state, States& states) const;
  void Step(const States& from, uint32_t character, States& to) const;

  std::vector<Token> tokens_;
  std::vector<Class> classes_;
  bool literal_ = true;
  std::string literal_text_;
};

// True if the text has an unescaped `*`, `?` or `[`.
bool HasWildcards(std::string_view pattern);

// Lexically cleaned absolute path: "/" + text without empty, `.` and `..` components, `..` stopping at
// the root; no trailing slash.
std::string CleanAbsolute(std::string_view path);

// The text with `\` escapes taken away.
std::string Unescape(std::string_view pattern);

// Components of a path, without empty ones and `.`.
std::vector<std::string> Components(std::string_view path);

}  // namespace crossmill::pattern
