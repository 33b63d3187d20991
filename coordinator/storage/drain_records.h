// Which workers an operator drained or cordoned, over restarts of worker and coordinator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "coordinator/core/standing/drained_workers.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

// Thread safe, as its connection, which outlives it.
class DrainRecords {
 public:
  explicit DrainRecords(Connection& connection) : connection_(connection) {}

  // All there are, into `workers`: at the start.
  absl::Status Restore(core::DrainedWorkers& workers);
  // OK too when nothing changes.
  absl::Status Set(const std::string& worker, bool drained, int64_t now_ns);
  // `last_build`: the last one of which it gets tasks; unset: of all. Who is cordoned already stays as it is.
  absl::Status SetCordoned(const std::string& worker, std::optional<int64_t> last_build, int64_t now_ns);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
