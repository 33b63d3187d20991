#include "common/words/age.h"

#include <charconv>

#include "common/base/status.h"

namespace crossmill {
namespace {

constexpr absl::Duration kLongest = absl::Hours(24 * 365 * 100);

}  // namespace

absl::StatusOr<absl::Duration> ParseAge(std::string_view text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  const std::string_view unit(read.ptr, static_cast<size_t>(end - read.ptr));
  absl::Duration one = absl::ZeroDuration();
  if (unit == "s") one = absl::Seconds(1);
  if (unit == "m") one = absl::Minutes(1);
  if (unit == "h") one = absl::Hours(1);
  if (unit == "d") one = absl::Hours(24);
  if (unit == "w") one = absl::Hours(24 * 7);
  if (read.ec != std::errc() || number < 0 || one == absl::ZeroDuration() || number > kLongest / one) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is no span of time: expected a number and a unit, such as 30m, 12h, 7d or 4w", text));
  }
  return number * one;
}

}  // namespace crossmill
