#include "coordinator/verdict/clock_explanation.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/words/told_clock.h"
#include "coordinator/core/circumstances.h"

namespace crossmill::verdict {
namespace {

using Clocks = std::vector<ClockInterval>;

// In what programs ask for less of a time than when it is: the hour, the half of the day, the day of the
// month, whether it is a weekend, the month, the year; last the minute. As containers have them, in UTC.
using CalendarUnits = std::array<int64_t, 7>;

CalendarUnits UnitsAt(int64_t nanoseconds) {
  const absl::CivilSecond at = absl::ToCivilSecond(absl::FromUnixNanos(nanoseconds), absl::UTCTimeZone());
  const absl::Weekday day = absl::GetWeekday(at);
  const bool weekend = day == absl::Weekday::saturday || day == absl::Weekday::sunday;
  return {at.hour(), at.hour() / 12, at.day(), weekend ? 1 : 0, at.month(), at.year(), at.minute()};
}

// All of the others may have been in one unit of the calendar while `alone` was, at least for a time, in
// another. A recipe that asks for the weekend, or for a day, writes a word and no time, so its cause tells
// nothing; and replicas whose clocks are days apart share such units more often than seconds. A step of a
// minute was in two of them, whoever executed it: minutes only where `alone` neither began nor ended in it.
bool OnlyTheyShareAUnit(const ClockInterval& alone, const Clocks& others, bool with_minutes) {
  const CalendarUnits alone_begin = UnitsAt(alone.begin), alone_end = UnitsAt(alone.end);
  constexpr size_t kMinute = std::tuple_size_v<CalendarUnits> - 1;
  for (size_t unit = 0; unit < kMinute + (with_minutes ? 1 : 0); ++unit) {
    for (const int64_t time : {others.front().begin, others.front().end}) {
      const int64_t value = UnitsAt(time)[unit];
      const bool shared = std::all_of(others.begin(), others.end(), [&](const ClockInterval& other) {
        return UnitsAt(other.begin)[unit] == value || UnitsAt(other.end)[unit] == value;
      });
      const bool began = alone_begin[unit] == value, ended = alone_end[unit] == value;
      if (shared && (unit == kMinute ? !began && !ended : !began || !ended)) return true;
    }
  }
  return false;
}

bool OnlyTheyShareATime(const ClockInterval& alone, const Clocks& others) {
  return std::all_of(others.begin(), others.end(),
                     [&](const ClockInterval& each) { return core::ShareATime(others.front(), each); }) &&
         std::none_of(others.begin(), others.end(),
                      [&](const ClockInterval& each) { return core::ShareATime(alone, each); });
}

}  // namespace

bool CanClockExplain(std::string_view alone, absl::Span<const std::string_view> others, bool may_be_time) {
  const auto mine = ParseToldClock(alone);
  if (!mine) return true;
  Clocks shown, real;
  bool other_kind = true;
  for (const std::string_view other : others) {
    const auto told = ParseToldClock(other);
    if (!told) return true;
    shown.push_back(told->shown);
    real.push_back(told->real);
    other_kind = other_kind && told->IsShifted() != mine->IsShifted();
  }
  if (OnlyTheyShareAUnit(mine->shown, shown, may_be_time) ||
      OnlyTheyShareAUnit(mine->real, real, may_be_time))
    return true;
  return may_be_time &&
         (other_kind || OnlyTheyShareATime(mine->shown, shown) || OnlyTheyShareATime(mine->real, real));
}

}  // namespace crossmill::verdict
