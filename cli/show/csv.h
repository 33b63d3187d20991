// Fields of comma-separated values. Pure.
#pragma once

#include <string>
#include <string_view>

#include "cli/show/text.h"

namespace crossmill::cli {

// A text of others as a field of a table that spreadsheets read: what they would take for a formula is
// quoted.
inline std::string CsvField(std::string_view text) {
  std::string plain = Printable(text);
  if (!plain.empty() && std::string_view("=+-@").find(plain[0]) != std::string_view::npos)
    plain.insert(0, "'");
  if (plain.find_first_of(",\"") == std::string::npos) return plain;
  std::string quoted = "\"";
  for (const char c : plain) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace crossmill::cli
