// crossmill check, and `build --check`.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/session.h"

namespace crossmill::cli {

struct CheckFlags {
  // context, file, platforms, target and build_args count.
  BuildFlags build;
  std::string format = "text";
  std::string fail_on = "error";
  // Comma separated or repeated.
  std::vector<std::string> rules;
};

// The exit code: 1 when a finding is as grave as --fail-on says.
absl::StatusOr<int> RunCheck(Session& session, const CheckFlags& flags);

}  // namespace crossmill::cli
