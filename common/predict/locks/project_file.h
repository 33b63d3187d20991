// pyproject.toml of a project that is installed from its folder: what builds it, and what it says of itself
// without being built (PEP 518, PEP 621).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::predict {

// build-system.requires; that of setuptools, as pip has it, where the file (or an empty text in its place)
// does not say it. INVALID_ARGUMENT with the line for what is no TOML, RESOURCE_EXHAUSTED for more than 8
// MiB.
absl::StatusOr<std::vector<std::string>> BuildSystemRequirements(std::string_view text);

// Core metadata with what the project table says for certain: name, dependencies and extras, and the version
// where it is there. Empty if there is no such table, or its dependencies are dynamic. Errors as above.
absl::StatusOr<std::string> StaticProjectMetadata(std::string_view text);

}  // namespace crossmill::predict
