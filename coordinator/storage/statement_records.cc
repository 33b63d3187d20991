#include "coordinator/storage/statement_records.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kSaveKey{
    "save a signing key",
    "INSERT OR IGNORE INTO signing_keys (id, pem, worker, first_seen) VALUES (?1, ?2, ?3, ?4)"};
constexpr Sql kFindKey{"look up a signing key",
                       "SELECT pem, worker, first_seen FROM signing_keys WHERE id = ?1"};
constexpr Sql kCountKeys{"count the signing keys of a worker",
                         "SELECT count(*) FROM signing_keys WHERE worker = ?1"};
constexpr Sql kSaveStatement{
    "save the statement of an execution",
    "INSERT OR REPLACE INTO execution_statements (execution, signing_key, envelope) VALUES (?1, ?2, ?3)"};
constexpr Sql kFindStatement{"load the statement of an execution",
                             "SELECT signing_key, envelope FROM execution_statements WHERE execution = ?1"};

}  // namespace

absl::StatusOr<bool> StatementRecords::SaveKey(const SigningKeyRow& key) {
  RecursiveMutexLock lock(connection_.mutex());
  RETURN_IF_ERROR(connection_.Run(kSaveKey, key.id, key.pem, key.worker, key.first_seen));
  return connection_.Changes() == 1;
}

absl::StatusOr<SigningKeyRow> StatementRecords::FindKey(const std::string& id) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFindKey));
  query->Bind(id);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return absl::NotFoundError(fmt::format("no worker has told a signing key {}", id));
  return SigningKeyRow{id, std::string(query->Text(0)), std::string(query->Text(1)), query->Int64(2)};
}

absl::StatusOr<int64_t> StatementRecords::CountKeys(const std::string& worker) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kCountKeys));
  query->Bind(worker);
  RETURN_IF_ERROR(query->Step().status());
  return query->Int64(0);
}

absl::Status StatementRecords::Save(int64_t execution, const StatementRow& statement) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kSaveStatement, execution, statement.key_id, Blob{statement.envelope});
}

absl::StatusOr<std::optional<StatementRow>> StatementRecords::Find(int64_t execution) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFindStatement));
  query->Bind(execution);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::optional<StatementRow>();
  return StatementRow{std::string(query->Text(0)), std::string(query->Bytes(1))};
}

}  // namespace crossmill::storage
