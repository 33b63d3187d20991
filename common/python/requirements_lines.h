// The lines of a requirements file: joined, without comments, with variables, and their options taken apart
// as a shell and Python's optparse would. Used by requirements_file only.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::python {

struct LogicalLine {
  int number = 0;
  std::string text;
};

// Lines that end with a backslash go on in the next one; comments and empty lines are gone.
std::vector<LogicalLine> LogicalLines(std::string_view text,
                                      const std::map<std::string, std::string, std::less<>>& variables);

// What stands before the first word that begins with a dash, and from there on.
std::pair<std::string, std::string> SplitOptions(std::string_view line);

struct LineOption {
  // The long name, without dashes.
  std::string_view name;
  std::string value;
};

// Options in their order. Words between them are passed over, as pip does it. INVALID_ARGUMENT for an unknown
// option, a missing or a needless value, an open quote.
absl::StatusOr<std::vector<LineOption>> ReadOptions(std::string_view text);

}  // namespace crossmill::python
