#include "cli/show/csv.h"

#include <algorithm>

#include "cli/show/text.h"

namespace crossmill::cli {
namespace {

std::string CsvValue(const Json& value) {
  if (value.is_null() || value.is_object()) return "";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) return CsvField(value.get_ref<const std::string&>());
  if (!value.is_array()) return value.dump();
  std::string joined;
  for (const Json& item : value) {
    joined += (joined.empty() ? "" : " ") + (item.is_string() ? item.get<std::string>() : item.dump());
  }
  return CsvField(joined);
}

const Json& MemberOf(const Json& row, std::string_view column) {
  static const Json kNull;
  const size_t dot = column.find('.');
  const auto member = row.is_object() ? row.find(std::string(column.substr(0, dot))) : row.end();
  if (member == row.end()) return kNull;
  return dot == std::string_view::npos ? *member : MemberOf(*member, column.substr(dot + 1));
}

}  // namespace

std::string CsvField(std::string_view text) {
  std::string plain = Printable(text);
  if (!plain.empty() && std::string_view("=+-@").find(plain[0]) != std::string_view::npos)
    plain.insert(0, "'");
  if (plain.find_first_of(",\"") == std::string::npos) return plain;
  std::string quoted = "\"";
  for (const char c : plain) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string CsvOfRows(const Json& rows, absl::Span<const std::string_view> columns) {
  std::string result;
  const auto end_field = [&](size_t i) { result += i + 1 == columns.size() ? "\r\n" : ","; };
  for (size_t i = 0; i < columns.size(); ++i) {
    std::string heading(columns[i]);
    std::replace(heading.begin(), heading.end(), '.', '_');
    result += heading;
    end_field(i);
  }
  for (const Json& row : rows) {
    for (size_t i = 0; i < columns.size(); ++i) {
      result += CsvValue(MemberOf(row, columns[i]));
      end_field(i);
    }
  }
  return result;
}

}  // namespace crossmill::cli
