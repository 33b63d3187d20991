// When tasks of a build were given to workers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

struct GivenLease {
  int stage = 0;
  int replica = 0;
  std::string worker;
  // Unix time in nanoseconds.
  int64_t granted_at = 0;
};

// Those under which something of the build was executed, in the order of their numbers.
absl::StatusOr<std::vector<GivenLease>> GivenLeasesOf(Connection& connection, int64_t build);

}  // namespace crossmill::storage
