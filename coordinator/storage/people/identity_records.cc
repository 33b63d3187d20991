#include "coordinator/storage/people/identity_records.h"

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::storage {
namespace {

constexpr Sql kRules{"list identity rules", "SELECT name, rule FROM identity_rules ORDER BY name"};
constexpr Sql kInsertRule{"make an identity rule",
                          "INSERT INTO identity_rules (name, project, rule) VALUES (?1, ?2, ?3) "
                          "ON CONFLICT (name) DO NOTHING"};
constexpr Sql kRemoveRule{"remove an identity rule", "DELETE FROM identity_rules WHERE name = ?1"};

}  // namespace

absl::StatusOr<std::vector<v1::IdentityRule>> IdentityRecords::Rules() {
  std::vector<v1::IdentityRule> rules;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kRules));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return rules;
    RETURN_IF_ERROR(
        ParseRecord(query->Bytes(1), fmt::format("identity rule {}", query->Text(0)), &rules.emplace_back()));
  }
}

absl::Status IdentityRecords::InsertRule(const v1::IdentityRule& rule) {
  RecursiveMutexLock lock(connection_.mutex());
  RETURN_IF_ERROR(connection_.Run(kInsertRule, rule.name(), rule.project(), Blob{rule.SerializeAsString()}));
  if (connection_.Changes() == 1) return absl::OkStatus();
  return absl::AlreadyExistsError(fmt::format(
      "there is an identity rule '{}' already; remove it first (`crossmill admin identity rm {}`)",
      rule.name(), rule.name()));
}

absl::Status IdentityRecords::RemoveRule(const std::string& name) {
  RecursiveMutexLock lock(connection_.mutex());
  RETURN_IF_ERROR(connection_.Run(kRemoveRule, name));
  if (connection_.Changes() == 1) return absl::OkStatus();
  return absl::NotFoundError(
      fmt::format("there is no identity rule '{}'; `crossmill admin identity ls` lists them",
                  Printable(name).substr(0, 100)));
}

}  // namespace crossmill::storage
