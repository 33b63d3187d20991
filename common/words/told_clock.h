// What an execution tells of its clock: the value of ASPECT_CLOCK (v1.Circumstance). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crossmill {

// From when to when a step ran: Unix time in nanoseconds.
struct ClockInterval {
  int64_t begin = 0;
  int64_t end = 0;

  bool operator==(const ClockInterval&) const = default;
};

struct ToldClock {
  // As its programs were shown the clock.
  ClockInterval shown;
  // As it was: what programs have that no shift reaches. The same if there was none.
  ClockInterval real;
  // The real one stands in the value.
  bool tells_real = false;

  bool IsShifted() const { return shown != real; }
};

// "BEGIN END", or of a clock that was shifted "BEGIN END REAL-BEGIN REAL-END". nullopt: it is no such value,
// or a time is before 1970 or ends before it begins.
std::optional<ToldClock> ParseToldClock(std::string_view value);
// Of a clock that was `shift` nanoseconds later than it was.
std::string FormatToldClock(const ClockInterval& real, int64_t shift);

}  // namespace crossmill
