// Projects and tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/people.pb.h"

namespace crossmill::storage {

// A token with the hash that it is known by.
struct TokenRow {
  v1::Token token;
  // Hex SHA-256 of the secret.
  std::string hash;
};

// Thread safe. The connection outlives it.
class PeopleRecords {
 public:
  explicit PeopleRecords(Connection& connection) : connection_(connection) {}

  // By name.
  absl::StatusOr<std::vector<v1::Project>> Projects();
  // ALREADY_EXISTS.
  absl::Status InsertProject(const v1::Project& project);
  // NOT_FOUND.
  absl::Status UpdateProject(const v1::Project& project);
  // NOT_FOUND; FAILED_PRECONDITION: it has builds, identity rules, or tokens that are good.
  absl::Status RemoveProject(const std::string& name);

  // By number, with those that are revoked.
  absl::StatusOr<std::vector<TokenRow>> Tokens();
  // Returns its number. FAILED_PRECONDITION: there is no such project.
  absl::StatusOr<int64_t> InsertToken(const TokenRow& row);
  absl::Status RevokeToken(int64_t id, int64_t now_ns);
  absl::Status ForgetToken(int64_t id);
  absl::Status UsedToken(int64_t id, int64_t now_ns);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
