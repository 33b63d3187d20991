// A rule file as statements: one per line, the rules among them put together. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/failures/failure_rules.h"

namespace crossmill::failures {

// A rule as it was written; the words in braces are still there.
struct WrittenRule {
  // Of its `class` line, from 1.
  int line = 0;
  std::string failure_class;
  struct Pattern {
    int line = 0;
    std::string text;
  };
  std::vector<Pattern> match;
  std::vector<Pattern> unless;
  // Ranks below all rules of other files.
  bool general = false;
  Need need;
  // `least` before its words are filled in.
  std::string least;
  // Names in braces that it uses, with their lines.
  std::vector<Pattern> uses;
};

// Provider lines go to `providers` at once. INVALID_ARGUMENT: "FILE:LINE: what is wrong".
absl::StatusOr<std::vector<WrittenRule>> ReadRuleText(const RuleFile& file, ProviderTable* providers);

// Puts in, for each {name} of the text, what `value` gives for the name.
std::string FillIn(std::string_view text, absl::FunctionRef<std::string(std::string_view)> value);

}  // namespace crossmill::failures
