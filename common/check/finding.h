// A finding of a check: where, what, why it matters and how to mend it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace crossmill::check {

enum class Severity { kInfo, kWarning, kError };

// "info", "warning", "error".
std::string_view Word(Severity severity);

// Lines and columns are counted from 1, columns in bytes.
struct Finding {
  std::string rule;
  Severity severity = Severity::kWarning;
  std::string file;
  // 0: the file as a whole.
  uint32_t line = 0;
  // 0: the whole line.
  uint32_t column = 0;
  uint32_t end_line = 0;
  // Behind the last byte; 0: the end of the line.
  uint32_t end_column = 0;
  // The mistake, in one sentence.
  std::string message;
  // Why it matters, with the measured cost where there is one.
  std::string why;
  // The remedy.
  std::string fix;
  // Text that could stand in its place, one or more lines; may be empty.
  std::string replacement;
  // Texts that no output may repeat (a secret's value in the source line).
  std::vector<std::string> masked;
};

}  // namespace crossmill::check
