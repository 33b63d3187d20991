// Findings of `crossmill check` as text like a compiler's, as JSON and as SARIF 2.1.0. Pure.
#pragma once

#include <string>
#include <string_view>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "common/check/check.h"

namespace crossmill::cli {

// The recipe that was checked, as the outputs need it besides the findings.
struct CheckedRecipe {
  // As findings name it.
  std::string dockerfile_name;
  std::string dockerfile;
  std::string target;
};

// Each finding with its source line, a caret range, why and the fix; then one line with the counts.
std::string RenderFindings(const check::CheckReport& report, const CheckedRecipe& recipe,
                           const TextOptions& options);
// docs/cli.md, "check".
Json FindingsJson(const check::CheckReport& report, const CheckedRecipe& recipe, bool failed);
// Columns in code points.
Json FindingsSarif(const check::CheckReport& report, const CheckedRecipe& recipe);

}  // namespace crossmill::cli
