// Looks through a context folder for `crossmill check`: names and sizes, contents only where a name is not
// enough.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/check/context_survey.h"
#include "common/pattern/ignore_rules.h"

namespace crossmill::cli {

// Ignored paths are left out; folders and files that cannot be read are too. Symbolic links are not followed.
// NOT_FOUND when the folder is none.
absl::StatusOr<check::ContextSurvey> SurveyContext(const std::string& folder,
                                                   const pattern::IgnoreRules& ignore);

}  // namespace crossmill::cli
