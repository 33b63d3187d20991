#include "common/words/time_flags.h"

#include <charconv>
#include <optional>

#include "absl/time/time.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

std::optional<int64_t> WholeNumber(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<int64_t> ParseDate(const std::string& text) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime("%Y-%m-%d", text, absl::UTCTimeZone(), &time, &error) ||
      absl::ParseTime(absl::RFC3339_full, text, absl::UTCTimeZone(), &time, &error)) {
    return absl::ToUnixSeconds(time);
  }
  return absl::InvalidArgumentError(
      fmt::format("{} is no date; expected 2024-05-01 or 2024-05-01T12:00:00Z", text));
}

absl::StatusOr<uint32_t> ParseTimeout(std::string_view text, std::string_view flag) {
  absl::Duration duration;
  if (const std::optional<int64_t> seconds = WholeNumber(text)) {
    duration = absl::Seconds(*seconds);
  } else if (!absl::ParseDuration(Av(text), &duration)) {
    return absl::InvalidArgumentError(
        fmt::format("{} {}: expected a time such as 90s, 45m or 1h30m", flag, text));
  }
  if (duration < absl::Seconds(1) || duration > absl::Hours(24 * 365)) {
    return absl::InvalidArgumentError(
        fmt::format("{} {}: expected at least a second and less than a year", flag, text));
  }
  return static_cast<uint32_t>(absl::ToInt64Seconds(duration));
}

}  // namespace crossmill
