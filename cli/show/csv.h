// Comma-separated values (RFC 4180) for spreadsheets. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "common/base/json.h"

namespace crossmill::cli {

// A text of others as a field of a table that spreadsheets read: what they would take for a formula is
// quoted.
std::string CsvField(std::string_view text);

// A heading and a line for each of `rows`, which are objects. A column is a member, or "member.member" of one
// that is an object (its heading has `_` for the dot); null and what is missing are empty, truth is yes or
// no, lists are separated by blanks.
std::string CsvOfRows(const Json& rows, absl::Span<const std::string_view> columns);

}  // namespace crossmill::cli
