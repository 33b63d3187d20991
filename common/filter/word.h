// A filter cut into its words, before they mean anything. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::filter {

struct RawWord {
  bool negated = false;
  // Empty: a plain word, or a quoted one.
  std::string field;
  // ':', '<' or '>' behind the field.
  char sign = 0;
  // Without quotes; of a field parted at commas, of a plain word one.
  std::vector<std::string> values;
  // As it was written, for messages.
  std::string_view text;
};

// Words are parted by blanks. Blanks and commas between double quotes belong to a value; there \" is a quote
// and \\ a backslash. INVALID_ARGUMENT says which word is wrong.
absl::StatusOr<std::vector<RawWord>> SplitWords(std::string_view text);

}  // namespace crossmill::filter
