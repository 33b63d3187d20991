#include "common/words/size.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>

#include "common/base/status.h"

namespace crossmill {

absl::StatusOr<int64_t> ParseSize(std::string_view text) {
  const auto bad = [&] {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no size: expected a number of bytes such as 64m, 1.5g or 65536", text));
  };
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !(number > 0)) return bad();
  std::string unit(end, text.data() + text.size());
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) { return std::tolower(c); });
  if (unit.ends_with("b")) unit.pop_back();
  if (unit.ends_with("i") && unit.size() > 1) unit.pop_back();
  constexpr std::string_view kUnits = "kmgt";
  if (unit.size() > 1 || (!unit.empty() && kUnits.find(unit[0]) == std::string_view::npos)) return bad();
  if (!unit.empty()) number *= static_cast<double>(int64_t{1} << (10 * (kUnits.find(unit[0]) + 1)));
  // Also "0.1" bytes, which would be none.
  if (number < 1 || number > 9e18) return bad();
  return static_cast<int64_t>(number);
}

}  // namespace crossmill
