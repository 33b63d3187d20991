// What differs between two contents of one path, down into archives, compressed streams and object files.
// Pure.
#pragma once

#include <stop_token>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/compare/content.h"
#include "common/compare/formats/differences.h"
#include "crossmill/v1/difference.pb.h"

namespace crossmill::compare {

// Formats are told apart by content, `path` decides only where that is not enough (.pyc). What claims to be a
// format and is damaged is compared as bytes. Differences come without causes (see causes.h); `derived` is
// set where the format says that something only follows (a build-id). The result is `incomplete` when a limit
// was met. Errors are those of the contents; CANCELLED after a stop. `parts`, if not null, gets what within
// the file differs.
absl::StatusOr<v1::FileDifference> CompareContents(std::string_view path, Content& first, Content& second,
                                                   const CompareLimits& limits, const std::stop_token& stop,
                                                   DifferingParts* parts = nullptr);

}  // namespace crossmill::compare
