// How the text of one instruction falls into words.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/dockerfile/instruction.h"

namespace crossmill::dockerfile {

// Blank, tab, line feed, vertical tab, form feed, carriage return.
bool IsBlank(char c);
std::string_view TrimBlanks(std::string_view text);

// Position of the first byte that is not part of UTF-8 text, or is NUL; npos if there is none. Texts of
// instructions travel as UTF-8 and end up in argument vectors.
size_t FindNonText(std::string_view text);

// Words between blanks. `offset` is where `text` begins in its instruction.
std::vector<Word> SplitAtBlanks(std::string_view text, size_t offset);

// Words between blanks that are neither quoted nor escaped; quotes and escapes stay in the words.
// `balanced` (if not null) says whether every quote was closed.
std::vector<Word> SplitQuoted(std::string_view text, size_t offset, char escape, bool* balanced);

enum class JsonForm { kNone, kTexts, kOtherArray };

// Reads a JSON array of texts. kNone: not a JSON array, so the text form is meant. kOtherArray: an
// array that holds something else.
JsonForm ReadJsonForm(std::string_view text, std::vector<std::string>& values);

// The here-document that a word like `<<EOF`, `3<<-"EOF"` announces (without content).
std::optional<Heredoc> ReadHeredocWord(std::string_view word);

// Those of a whole line, in order. None if its quotes do not pair up.
std::vector<Heredoc> FindHeredocs(std::string_view line);

}  // namespace crossmill::dockerfile
