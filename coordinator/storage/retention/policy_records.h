// Policies that were set, and builds that are pinned.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

struct PinRow {
  int64_t build = 0;
  // Unix time in nanoseconds.
  int64_t pinned_at = 0;
  std::string pinned_by;
};

// Thread safe. The connection outlives it.
class PolicyRecords {
 public:
  explicit PolicyRecords(Connection& connection) : connection_(connection) {}

  // By name.
  absl::StatusOr<std::map<std::string, std::string>> List();
  absl::Status Set(const std::string& name, const std::string& value, int64_t now_ns);
  // OK too when it was not set.
  absl::Status Reset(const std::string& name);

  // By build.
  absl::StatusOr<std::vector<PinRow>> Pins();
  // Once more is OK and changes nothing. NOT_FOUND: there is no such build.
  absl::Status Pin(const PinRow& pin);
  // False: it was not pinned.
  absl::StatusOr<bool> Unpin(int64_t build);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
