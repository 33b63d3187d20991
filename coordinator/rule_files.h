// Files of rules that an operator adds to those that are built in.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/compare/known_files.h"
#include "common/failures/failure_rules.h"

namespace crossmill::coordinator {

// Errors name the flag that gave the file, and the file.
absl::StatusOr<std::shared_ptr<const failures::FailureRules>> LoadFailureRules(
    const std::vector<std::string>& paths);
absl::StatusOr<std::shared_ptr<const compare::KnownFiles>> LoadKnownFiles(
    const std::vector<std::string>& paths);

}  // namespace crossmill::coordinator
