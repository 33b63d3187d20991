// Time zones by the names that clients give.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill::coordinator {

// "Europe/Berlin", one that the machine has ($TZDIR, else /usr/share/zoneinfo); "" and "UTC": UTC.
// INVALID_ARGUMENT: it has none of that name. Names that are none leave nothing behind in memory.
absl::StatusOr<absl::TimeZone> NamedZone(const std::string& name);

}  // namespace crossmill::coordinator
