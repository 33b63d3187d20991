// Requirements and constraints of an install, with those of the files that it names, and of the files that
// these name.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/commands/install_commands.h"
#include "common/predict/resolver/resolver.h"

namespace crossmill::predict {

// The text of a file of the build, by its absolute path.
using ReadText = std::function<absl::StatusOr<std::string>(std::string_view path)>;

struct CollectedRequirements {
  std::vector<RootRequirement> requirements;
  std::vector<RootRequirement> constraints;
  std::vector<RootRequirement> build_constraints;
  // Those of the command with what the files add.
  InstallRules rules;
};

// `variables` are put into files as pip does it. INVALID_ARGUMENT names the file and line that are not
// understood, or the path that is not known; errors of `read` are annotated with the path. At most 200 files.
absl::StatusOr<CollectedRequirements> CollectRequirements(
    const Install& install, const ReadText& read,
    const std::map<std::string, std::string, std::less<>>& variables = {});

}  // namespace crossmill::predict
