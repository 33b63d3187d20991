// Which rules a check applies: the `check` directive, the build argument that stands in for it, and --rules.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/check/rules.h"

namespace crossmill::check {

struct Selection {
  bool skip_all = false;
  std::set<std::string, std::less<>> skipped;
  bool experimental_all = false;
  std::set<std::string, std::less<>> experimental;
  // Findings fail the check.
  bool error = false;
  // If not empty: these rules only (--rules), experimental ones included.
  std::set<std::string, std::less<>> only;

  // Errors of the recipe always apply.
  bool Applies(const Rule& rule) const;
};

// "skip=Rule,Rule;experimental=Rule;error=true", `all` for every rule: the value of `# check=` and of the
// build argument BUILDKIT_DOCKERFILE_CHECK. Names that no rule has are accepted, as Docker accepts them.
// INVALID_ARGUMENT "what; expected what".
absl::StatusOr<Selection> ParseSelection(std::string_view text);

}  // namespace crossmill::check
