// Which accelerator sets are switched off, and what of theirs is not used any more (docs/accelerators.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/accelerators.pb.h"

namespace crossmill::storage {

// Thread safe, as its connection, which outlives it.
class AcceleratorRecords {
 public:
  explicit AcceleratorRecords(Connection& connection) : connection_(connection) {}

  // By digest.
  absl::StatusOr<std::vector<v1::SwitchedOffAccelerator>> SwitchedOff();
  // OK too if it is so already: what is known of it stays.
  absl::Status SwitchOff(const v1::SwitchedOffAccelerator& accelerator);
  absl::Status Allow(const std::string& digest);
  // Nothing goes on from what was made with the set and was never compared, nor from what was installed out
  // of wheels that were compiled so; these wheels are forgotten. How many results that were.
  absl::StatusOr<int64_t> TakeBack(const std::string& digest, int64_t now_ns);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
