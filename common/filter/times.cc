#include "common/filter/times.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/words/age.h"

namespace crossmill::filter {
namespace {

struct Form {
  const char* format;
  absl::Duration length;
};

// A zone may follow a time of day.
constexpr const char* kDay = "%Y-%m-%d";
constexpr const char* kMinute = "%Y-%m-%dT%H:%M";
constexpr const char* kSecond = "%Y-%m-%dT%H:%M:%S";
constexpr const char* kPartOfSecond = "%Y-%m-%dT%H:%M:%E*S";

bool IsDate(std::string_view text) {
  return text.size() >= 10 && text[4] == '-' && absl::ascii_isdigit(static_cast<unsigned char>(text[0]));
}

}  // namespace

absl::StatusOr<Moment> ParseMoment(std::string_view text, int64_t now_ns) {
  if (!IsDate(text)) {
    const absl::StatusOr<absl::Duration> age = ParseAge(text);
    if (!age.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("'{}' is no time; expected a span before now (30m, 12h, 7d, 4w) or a date (2026-11-20, "
                      "2026-11-20T14:00, 2026-11-20T14:00:00+01:00; UTC where no zone is told)",
                      text));
    }
    const int64_t at = now_ns - absl::ToInt64Nanoseconds(*age);
    return Moment{at, at + 1};
  }
  const Form forms[] = {{kDay, absl::Hours(24)},
                        {kMinute, absl::Minutes(1)},
                        {kSecond, absl::Seconds(1)},
                        {kPartOfSecond, absl::Nanoseconds(1)}};
  for (const Form& form : forms) {
    for (const char* zone : {"", "%Ez"}) {
      if (form.format == kDay && *zone != '\0') continue;
      absl::Time time;
      std::string why;
      const std::string format = std::string(form.format) + zone;
      if (!absl::ParseTime(format, std::string(text), &time, &why)) continue;
      // Nanoseconds of 64 bits end in 2262.
      if (time < absl::FromUnixSeconds(0) || time > absl::FromUnixSeconds(9'000'000'000)) continue;
      return Moment{absl::ToUnixNanos(time), absl::ToUnixNanos(time + form.length)};
    }
  }
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is no date; expected 2026-11-20, 2026-11-20T14:00 or 2026-11-20T14:00:00+01:00 (UTC where "
      "no zone is told)",
      text));
}

absl::StatusOr<int64_t> ParseSince(std::string_view text, int64_t now_ns) {
  if (text.empty()) return 0;
  ASSIGN_OR_RETURN(const Moment moment, ParseMoment(text, now_ns));
  if (moment.begin > now_ns) return absl::InvalidArgumentError(fmt::format("'{}' is still to come", text));
  return std::max<int64_t>(0, moment.begin);
}

}  // namespace crossmill::filter
