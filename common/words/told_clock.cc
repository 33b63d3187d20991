#include "common/words/told_clock.h"

#include <fmt/format.h>

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

bool IsInterval(const ClockInterval& interval) {
  return interval.begin >= 0 && interval.end >= interval.begin;
}

}  // namespace

std::optional<ToldClock> ParseToldClock(std::string_view value) {
  std::array<int64_t, 4> times = {};
  size_t count = 0;
  for (const absl::string_view word : absl::StrSplit(Av(value), ' ')) {
    if (count == times.size() || !absl::SimpleAtoi(word, &times[count++])) return std::nullopt;
  }
  if (count != 2 && count != times.size()) return std::nullopt;
  ToldClock told = {{times[0], times[1]}, {times[2], times[3]}, count == times.size()};
  if (!told.tells_real) told.real = told.shown;
  if (!IsInterval(told.shown) || !IsInterval(told.real)) return std::nullopt;
  return told;
}

std::string FormatToldClock(const ClockInterval& real, int64_t shift) {
  if (shift == 0) return fmt::format("{} {}", real.begin, real.end);
  return fmt::format("{} {} {} {}", real.begin + shift, real.end + shift, real.begin, real.end);
}

}  // namespace crossmill
