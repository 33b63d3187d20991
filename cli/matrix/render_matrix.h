// A matrix as people and scripts read it: combinations beside platforms. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/matrix.pb.h"

namespace crossmill::cli {

// The number in "m12"; nothing for what is no name of a matrix.
std::optional<int64_t> MatrixNumber(std::string_view text);

// "Matrix m12 failed in 3m 12s: 3 of 4 combinations succeeded", and a row for each combination with a column
// for each platform.
std::string RenderMatrixView(const v1::MatrixView& matrix, const TextOptions& options);
// The row and column alone.
std::string RenderMatrixTable(const v1::MatrixView& matrix, const TextOptions& options);
// "✓ succeeded 12.3s, ✓ reproducible" of the cell; "" where the combination has no such platform.
std::string CellText(const v1::BuildView& build, const v1::Platform& platform);

// id, status, verdict, times, and a row for each combination with its build as in `ls --json`.
Json MatrixJson(const v1::MatrixView& matrix);

}  // namespace crossmill::cli
