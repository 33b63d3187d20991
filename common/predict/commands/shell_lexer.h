// The words and operators of shell text (POSIX, and what bash has beyond it as far as recipes use it). Used
// by shell_script.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill::predict {

struct WordPart {
  enum class Kind {
    kLiteral,
    // $name, ${name}, ${name:-word} and the like.
    kVariable,
    // What only a running shell knows: $(...), $1, $?.
    kUnknown,
  };

  Kind kind = Kind::kLiteral;
  // Of kLiteral the text, of kVariable the name, of kUnknown what is written there.
  std::string text;
  // Not split at blanks, and no pattern.
  bool quoted = false;
  // Of kVariable: "", "-", ":-", "+", ":+", "?", ":?", "=", ":=", and the word behind it, unread.
  std::string operation;
  std::string argument;
};

struct ShellToken {
  enum class Kind { kWord, kOperator, kNewline, kEnd };

  Kind kind = Kind::kEnd;
  // Of kOperator: "&&", "<<-", ...; of kWord as written.
  std::string text;
  std::vector<WordPart> parts;
  // A word without any quote, escape or expansion: may be a reserved word.
  bool plain = false;
  size_t begin = 0;
  size_t end = 0;
};

// The parts of one word; quotes that do not end are INVALID_ARGUMENT.
absl::StatusOr<std::vector<WordPart>> ReadWordParts(std::string_view text);

class ShellLexer {
 public:
  // The text outlives it.
  explicit ShellLexer(std::string_view text) : text_(text) {}

  // Reads on from `place`. INVALID_ARGUMENT for quotes and brackets that do not end.
  absl::StatusOr<ShellToken> Next();
  size_t place() const { return place_; }
  // Goes back to where a token began or ended; here-documents that were announced since are forgotten.
  void MoveTo(size_t place) {
    place_ = place;
    heredocs_.clear();
  }

  // After "<<" or "<<-" and its word: what the here-document holds is known once the line ends. `index` is
  // for Heredoc().
  size_t Announce(std::string name, bool strip_tabs);
  // Reads here-documents that are due, from the end of the current line on, without moving.
  absl::StatusOr<std::string> Heredoc(size_t index);

 private:
  struct Announced {
    std::string name;
    bool strip_tabs = false;
  };

  void SkipBlanks();
  absl::StatusOr<ShellToken> ReadWord();
  // Behind the here-documents that `line_end` begins; their texts, if asked for.
  size_t SkipHeredocs(size_t line_end, std::vector<std::string>* texts) const;

  std::string_view text_;
  size_t place_ = 0;
  std::vector<Announced> heredocs_;
};

}  // namespace crossmill::predict
