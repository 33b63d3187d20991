// --matrix-file: names, inclusions and exclusions of a matrix in TOML (docs/pipelines.md, "Matrices"). Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/matrix/combinations.h"

namespace crossmill::cli {

// INVALID_ARGUMENT begins with FILE:LINE.
absl::StatusOr<MatrixSpec> ParseMatrixFile(const std::string& file, std::string_view text);

}  // namespace crossmill::cli
