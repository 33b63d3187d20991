// Times in texts and bytes, in the forms in which programs write them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crossmill::compare {

// When an execution ran, as its programs read the clock: Unix time in seconds, both included.
struct ClockSeconds {
  int64_t begin = 0;
  int64_t end = 0;
};

struct FoundTime {
  // As the two sides have it.
  std::string first;
  std::string second;
  // "seconds since 1970", "date and time", "date", "time of day", "days since 1970", "year".
  std::string_view form;
  // The form is so long that it is a time by its digits alone.
  bool certain = false;
};

// A time that differs between two texts, and on each side is a moment of that side's own execution; a local
// time counts where both sides are off by the same quarter of an hour. The texts are those around a
// difference.
std::optional<FoundTime> FindTimeInText(std::string_view first, std::string_view second,
                                        const ClockSeconds& first_clock, const ClockSeconds& second_clock);

// The same as a number of 4 or 8 bytes of either order: seconds, of 8 bytes also milli-, micro- and
// nanoseconds.
std::optional<FoundTime> FindTimeInBytes(std::string_view first, std::string_view second,
                                         const ClockSeconds& first_clock, const ClockSeconds& second_clock);

}  // namespace crossmill::compare
