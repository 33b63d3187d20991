// The rules of --normalize (docs/normalize.md): names, what each does in a sentence, and the words that name
// a set of them. Client, coordinator and worker mean the same by one name. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace crossmill {

struct NormalizeRule {
  std::string_view name;
  // For people: "the logs of apt and dpkg are emptied".
  std::string_view sentence;
  // Which differences between executions it takes out, whatever else it does: classes of causes
  // (docs/formats.md, "Causes") with commas between them, "*" for any; and globs of the files, * also stands
  // for slashes. Empty: of none that is told it would be true.
  std::string_view causes = {};
  std::string_view files = {};
  // For whom it does, if not always: "if GCC compiled it".
  std::string_view proviso = {};
};

// What the rules do, as a number in the keys of steps: to be raised when one of them changes what a step
// makes.
inline constexpr int64_t kNormalizeVersion = 1;

// In the order in which they are applied, recorded and part of keys.
absl::Span<const NormalizeRule> NormalizeRules();

// "all", or names with commas between them, each once or more. In the order of the table, each once.
// INVALID_ARGUMENT says which name is wrong and which there are.
absl::StatusOr<std::vector<std::string>> ParseNormalize(std::string_view text);

// Of what another program asks for: INVALID_ARGUMENT unless it is what ParseNormalize gives, so that one set
// has one key.
absl::Status CheckNormalize(absl::Span<const std::string> names);

}  // namespace crossmill
