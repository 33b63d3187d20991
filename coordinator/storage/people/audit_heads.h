// Where the chains of the audit's logs end.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

// Thread safe. The connection outlives it.
class AuditHeads {
 public:
  explicit AuditHeads(Connection& connection) : connection_(connection) {}

  // Number and hash of the last line that was kept; 0 and empty: none was.
  absl::StatusOr<std::pair<int64_t, std::string>> Find(const std::string& log);
  // One that is behind what is kept changes nothing: two who tell of lines may overtake each other.
  absl::Status Keep(const std::string& log, int64_t number, const std::string& hash);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
