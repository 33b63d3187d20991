// Words of shell text with their variables put in. Used by shell_script.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/commands/shell_script.h"

namespace crossmill::predict {

// The words that one word becomes: none, one, or several where an unquoted variable has blanks.
// INVALID_ARGUMENT where a word within a word cannot be read.
absl::StatusOr<std::vector<ShellWord>> ExpandWord(const std::vector<WordPart>& parts,
                                                  const ShellState& state);
// The same as one text, as in an assignment.
absl::StatusOr<ShellWord> ExpandText(const std::vector<WordPart>& parts, const ShellState& state);

}  // namespace crossmill::predict
