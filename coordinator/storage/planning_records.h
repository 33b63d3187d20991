// Which builds are being planned, so that one whose planning brings the coordinator down is not planned for
// ever.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

// Thread safe, as its connection, which outlives it.
class PlanningRecords {
 public:
  explicit PlanningRecords(Connection& connection) : connection_(connection) {}

  // How many of its beginnings came to no end: as often a coordinator died with it.
  absl::StatusOr<int64_t> Deaths(int64_t build);
  absl::Status Begin(int64_t build);
  // It came to an end, whichever.
  absl::Status End(int64_t build);
  // It was stopped in good order: this beginning does not count.
  absl::Status Withdraw(int64_t build);
  // As Withdraw, of all that were begun and came to no end.
  absl::Status WithdrawAll();
  // Those whose builds have ended. Once, before any begins.
  absl::Status ForgetEnded();

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
