// Moments as people write them in a filter: a span before now, a day, a time of day. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::filter {

// Unix time in nanoseconds. A moment is as long as its last part: a day, a minute, a second.
struct Moment {
  int64_t begin = 0;
  // The first one behind it.
  int64_t end = 0;
};

// "7d", "2026-11-20", "2026-11-20T14:00", "2026-11-20T14:00:05+01:00", parts of a second as logs have them;
// UTC where no zone is told. INVALID_ARGUMENT says what was expected.
absl::StatusOr<Moment> ParseMoment(std::string_view text, int64_t now_ns);

// The beginning of such a moment, for what is asked since then; 0 for an empty text and for all before 1970.
// INVALID_ARGUMENT for one that is still to come, too.
absl::StatusOr<int64_t> ParseSince(std::string_view text, int64_t now_ns);

}  // namespace crossmill::filter
