// Which workers an operator drained, over restarts of worker and coordinator.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

// Thread safe, as its connection, which outlives it.
class DrainRecords {
 public:
  explicit DrainRecords(Connection& connection) : connection_(connection) {}

  // By name.
  absl::StatusOr<std::vector<std::string>> List();
  // OK too when nothing changes.
  absl::Status Set(const std::string& worker, bool drained, int64_t now_ns);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
