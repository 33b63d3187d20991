// Identity rules.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/identity.pb.h"

namespace crossmill::storage {

// Thread safe. The connection outlives it.
class IdentityRecords {
 public:
  explicit IdentityRecords(Connection& connection) : connection_(connection) {}

  // By name.
  absl::StatusOr<std::vector<v1::IdentityRule>> Rules();
  // ALREADY_EXISTS; FAILED_PRECONDITION: there is no such project.
  absl::Status InsertRule(const v1::IdentityRule& rule);
  // NOT_FOUND.
  absl::Status RemoveRule(const std::string& name);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
