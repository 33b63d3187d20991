// Whether the clock can be why one execution of a step made other bytes than all others. Pure.
#pragma once

#include <string_view>

#include "absl/types/span.h"

namespace crossmill::verdict {

// `others` are two or more and do not differ among each other. They have an hour, half of a day, day,
// weekend, month or year in common that `alone` was not in at least for a time. With `may_be_time`, which
// says that what differs may be a time (possible_times.h): they have a minute in common that it neither began
// nor ended in, or any time that it has not, or were all shown a shifted clock and it was not, or the other
// way round. Each by the clock as programs were shown it, and as it was. Values of ASPECT_CLOCK; what is no
// time can be any.
bool CanClockExplain(std::string_view alone, absl::Span<const std::string_view> others, bool may_be_time);

}  // namespace crossmill::verdict
