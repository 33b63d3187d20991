// The words that builds are filtered by, the same on the page, the command line and in the API (docs/api.md,
// "Filters"): "status:failed platform:linux/arm64 since:7d -label:team=shop". Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::filter {

enum class Field { kText, kStatus, kVerdict, kPlatform, kLabel, kName, kTarget, kBuild, kTime, kDuration };

// One word of a filter.
struct Term {
  Field field = Field::kText;
  bool negated = false;
  // Any of them. kText, kPlatform, kLabel, kName and kTarget, in lower-case letters; platforms as
  // FormatPlatform writes them.
  std::vector<std::string> texts;
  // The same of kStatus and kVerdict (numbers of the protocol's enums) and of kBuild.
  std::vector<int64_t> numbers;
  // kTime: Unix time of the submission, kDuration: from there to the end, in nanoseconds; `from` is in it,
  // `below` is not.
  int64_t from = std::numeric_limits<int64_t>::min();
  int64_t below = std::numeric_limits<int64_t>::max();
};

// What builds have to be: every term holds.
struct Filter {
  std::vector<Term> terms;
};

// Ages in it are of `now_ns`. INVALID_ARGUMENT says which word is wrong and what is allowed.
absl::StatusOr<Filter> ParseFilter(std::string_view text, int64_t now_ns);

// As texts of terms are: ASCII letters in lower case.
std::string Folded(std::string_view text);

}  // namespace crossmill::filter
