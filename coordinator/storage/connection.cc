#include "coordinator/storage/connection.h"

#include "common/base/status.h"
#include "coordinator/storage/migrations.h"

namespace crossmill::storage {

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path) {
  ASSIGN_OR_RETURN(Database database, Database::Open(path));
  RETURN_IF_ERROR(Migrate(database, path, RecordMigrations()));
  return std::make_unique<Connection>(std::move(database));
}

absl::Status Connection::Transact(const std::function<absl::Status()>& body) {
  RecursiveMutexLock lock(mutex_);
  ++depth_;
  absl::Status status = depth_ == 1 ? TransactOutermost(body) : TransactNested(body);
  --depth_;
  return status;
}

absl::Status Connection::TransactOutermost(const std::function<absl::Status()>& body) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
  failure_ = absl::OkStatus();
  const absl::Status done = body();
  RETURN_IF_ERROR(failure_);
  RETURN_IF_ERROR(done);
  return transaction.Commit();
}

absl::Status Connection::TransactNested(const std::function<absl::Status()>& body) {
  if (!database_.InTransaction()) {
    return absl::UnavailableError("begin a savepoint: the database has rolled back the transaction");
  }
  // Equal names nest: RELEASE and ROLLBACK TO mean the innermost.
  RETURN_IF_ERROR(NoteFailure(database_.Execute("begin a savepoint", "SAVEPOINT nested")));
  absl::Status status = body();
  if (status.ok()) return NoteFailure(database_.Execute("end a savepoint", "RELEASE nested"));
  if (database_.InTransaction()) {
    RETURN_IF_ERROR(NoteFailure(database_.Execute("undo a savepoint", "ROLLBACK TO nested; RELEASE nested")));
  }
  return status;
}

absl::Status Connection::NoteFailure(absl::Status changed) {
  const bool disk = absl::IsUnavailable(changed) || absl::IsDataLoss(changed) || absl::IsInternal(changed);
  if (depth_ > 0 && disk && failure_.ok()) failure_ = changed;
  return changed;
}

absl::StatusOr<StatementUse> Connection::Use(const Sql& sql) {
  if (depth_ > 0 && !database_.InTransaction()) {
    return absl::UnavailableError(
        fmt::format("{}: the database has rolled back the transaction after an error", sql.purpose));
  }
  auto found = statements_.find(&sql);
  if (found == statements_.end()) {
    ASSIGN_OR_RETURN(Statement statement, database_.Prepare(sql));
    found = statements_.emplace(&sql, std::move(statement)).first;
  }
  return StatementUse(found->second);
}

}  // namespace crossmill::storage
