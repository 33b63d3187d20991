// Times as programs write them into text: the forms of date(1), strftime users, compilers, logs and seconds
// since 1970; and whether such a time lies in an interval. Pure.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace crossmill::compare {

// Unix time in seconds, both ends included.
struct Interval {
  int64_t begin = 0;
  int64_t end = 0;
};

// Offsets of time zones from UTC: -12:00 is 0, +14:00 the last, in quarters of an hour.
using Offsets = std::bitset<105>;
inline constexpr size_t kUtc = 48;

// A text that is a time in one form.
struct TimeReading {
  // Which form, for comparing with another reading; an index into the forms.
  size_t form = 0;
  // Bytes of text.
  size_t length = 0;
  // The offsets at which it lies in the interval. A time that says its zone, or needs none, has all or none.
  Offsets fits;
  // It needs no assumption about its zone.
  bool zoned = false;
  // Several hundred such texts or fewer are all there are (a year, a minute of the day): that it fits says
  // little.
  bool weak = false;
  // For people: "seconds since 1970", "date", "year".
  std::string_view words;
};

// Offsets with nothing but UTC.
Offsets OnlyUtc();
// The index of an offset in seconds (east is positive) in Offsets; nullopt: it is none.
std::optional<size_t> IndexOfOffset(int64_t seconds);

// What `text` has at `at` that is a time lying in the interval, in each form that does. Of binary texts
// numbers may be followed by bytes that only look like digits. `zones`: what a date alone, or a time of any
// day, is taken to be in, since it would fit some zone or other.
std::vector<TimeReading> ReadTimes(std::string_view text, size_t at, const Interval& interval,
                                   bool binary = false, const Offsets& zones = OnlyUtc());

// A text that is some time, whenever that was.
struct CivilReading {
  // As in TimeReading.
  size_t form = 0;
  size_t length = 0;
  // Seconds since 1970 as though it was in UTC, in some year if it says none; since midnight if it has no
  // date.
  int64_t seconds = 0;
  bool dated = false;
  // It says seconds, not only minutes.
  bool exact = false;
  // In seconds east of UTC, if it says that.
  std::optional<int> offset;
};

// What `text` has at `at` that is a time of day, in each form; with a date that says month and day, or none.
std::vector<CivilReading> ReadCivilTimes(std::string_view text, size_t at);

// What a number may count, in units since 1970, and lie in the interval: "seconds since 1970"; empty:
// nothing.
std::string_view CountedTime(uint64_t number, const Interval& interval);

}  // namespace crossmill::compare
