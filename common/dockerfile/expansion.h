// Variables in instructions: $NAME and ${NAME...} with all operators, quotes and escapes, as Docker's
// builder reads them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pattern/effort.h"

namespace crossmill::dockerfile {

using Variables = std::map<std::string, std::string, std::less<>>;

struct ExpansionOptions {
  // The character that the escape directive chose.
  char escape = '\\';
  // Here-documents: quotes are text.
  bool quotes_are_text = false;
  // The result is a path pattern: `\*`, `\?` and `\[` keep their backslash, so that they match the character.
  bool is_pattern = false;
  // Not owned; null: unlimited.
  pattern::Effort* effort = nullptr;
};

// Operators: ${x:-w} ${x-w} ${x:+w} ${x+w} ${x:?w} ${x?w} ${x#p} ${x##p} ${x%p} ${x%%p} ${x/p/w}
// ${x//p/w}. Values of variables are text: they are not expanded again, and quotes in them stay.
// INVALID_ARGUMENT "what is wrong; what was expected" (without place), also for a result of more than
// 1 MiB, and as `effort` has it.
absl::StatusOr<std::string> Expand(std::string_view text, const Variables& variables,
                                   const ExpansionOptions& options = {});

// The same, then split at blanks that are neither quoted nor escaped; a variable's value is split too.
absl::StatusOr<std::vector<std::string>> ExpandToWords(std::string_view text, const Variables& variables,
                                                       const ExpansionOptions& options = {});

}  // namespace crossmill::dockerfile
