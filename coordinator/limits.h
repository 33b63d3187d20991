// How much one submission may ask of the coordinator, and who may be connected, by name (--limit NAME=NUMBER,
// docs/operations.md).
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "coordinator/buildkit/front_limits.h"
#include "coordinator/engine/planning.h"
#include "coordinator/rpc/connections/door_shares.h"
#include "coordinator/rpc/upload_sessions.h"

namespace crossmill::coordinator {

struct Limits {
  PlanningLimits planning;
  // Of a file that ADD fetches: bytes, and bytes a second for a minute.
  int64_t download_bytes = int64_t{16} << 30;
  int64_t download_floor = 1024;
  // Combinations of one.
  int64_t matrix = 64;
  DoorSettings doors;
  UploadLimits uploads;
  buildkit::FrontLimits buildkit;
};

struct LimitName {
  std::string_view name;
  // What is counted.
  std::string_view meaning;
  int64_t (*get)(const Limits& limits);
  void (*set)(Limits& limits, int64_t value);
};

// All there are.
absl::Span<const LimitName> LimitNames();

// "NAME=NUMBER", the number from 1 on. INVALID_ARGUMENT lists the names.
absl::Status SetLimit(std::string_view setting, Limits* limits);

}  // namespace crossmill::coordinator
