// The table of all checks: what each is called, how grave it is, and why it exists (docs/checks.md).
#pragma once

#include <string_view>

#include "absl/types/span.h"
#include "common/check/finding.h"

namespace crossmill::check {

struct Rule {
  std::string_view id;
  // A finding has it unless the check knows better.
  Severity severity;
  // One of the 22 checks of Docker's builder, under its name and with its meaning.
  bool docker;
  // Only when asked for by name.
  bool experimental;
  // One sentence: what is checked.
  std::string_view summary;
  // One sentence: why it matters.
  std::string_view why;
};

// All of them: Docker's first, each group in the order of docs/checks.md.
absl::Span<const Rule> Rules();
// Null if there is none of that name.
const Rule* FindRule(std::string_view id);

// The rule of errors that keep a recipe from being built.
inline constexpr std::string_view kRecipeError = "RecipeError";

}  // namespace crossmill::check
