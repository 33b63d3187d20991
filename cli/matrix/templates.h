// Names with {NAME} in them, for each combination of a matrix: tags, and files of -o. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crossmill/v1/matrix.pb.h"

namespace crossmill::cli {

// A value as it stands in a tag or the name of a file: what is no letter, digit, '_', '.' or '-' becomes '-'.
std::string SafeValue(std::string_view value);

// {NAME} replaced by the combination's value, made safe. INVALID_ARGUMENT: a name that is not varied, a brace
// alone. `flag` is for the message: "-t".
absl::StatusOr<std::string> Expand(std::string_view flag, std::string_view text,
                                   const v1::MatrixCombination& combination);

// Expand for each of them. INVALID_ARGUMENT, too: two combinations have the same.
absl::StatusOr<std::vector<std::string>> ExpandApart(std::string_view flag, std::string_view text,
                                                     const std::vector<v1::MatrixCombination>& combinations);

// Sets the tags of each combination. INVALID_ARGUMENT: as of Expand, no image name, or two combinations have
// one.
absl::Status SetTags(const std::vector<std::string>& tags, std::vector<v1::MatrixCombination>* combinations);

}  // namespace crossmill::cli
