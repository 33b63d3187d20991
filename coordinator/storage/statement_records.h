// What workers stated and signed about their executions, and with which keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

struct SigningKeyRow {
  // keys::PublicKey.id().
  std::string id;
  std::string pem;
  // Who told it first.
  std::string worker;
  // Unix time in nanoseconds.
  int64_t first_seen = 0;
};

struct StatementRow {
  std::string key_id;
  // As it came.
  std::string envelope;
};

// Thread safe. The connection outlives it.
class StatementRecords {
 public:
  explicit StatementRecords(Connection& connection) : connection_(connection) {}

  // A key that is known already stays as it is. True: it is new.
  absl::StatusOr<bool> SaveKey(const SigningKeyRow& key);
  // NOT_FOUND: no worker has told it.
  absl::StatusOr<SigningKeyRow> FindKey(const std::string& id);
  // How many keys the worker has had.
  absl::StatusOr<int64_t> CountKeys(const std::string& worker);

  // In place of what the execution had. FAILED_PRECONDITION: there is no such execution or key.
  absl::Status Save(int64_t execution, const StatementRow& statement);
  // Nothing: none is kept.
  absl::StatusOr<std::optional<StatementRow>> Find(int64_t execution);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
