// The variables that a word of an instruction uses, without expanding it; and near misses for names. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crossmill::check {

struct VariableUse {
  std::string name;
  // The place of the `$`.
  size_t offset = 0;
  size_t length = 0;
  // ${NAME:-...} or ${NAME+...}: for a name that nothing defines always the same.
  bool has_alternative = false;
  // ${NAME:?...}: the build stops without it, which needs no warning.
  bool is_required = false;
};

// Letters, digits and _: what a name goes on with.
bool IsNamePart(char c);

// In order, those inside operators too. `quotes_are_text`: here-documents.
std::vector<VariableUse> FindVariables(std::string_view text, char escape, bool quotes_are_text);

// The candidate that is a slip of the finger away from `name` (one letter more, less, other or two swapped
// per three letters), or "".
std::string NearMiss(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace crossmill::check
