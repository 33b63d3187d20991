#include "coordinator/storage/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <algorithm>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "coordinator/storage/spare/spare_writes.h"

namespace crossmill::storage {
namespace {

constexpr int kBusyMilliseconds = 10'000;

absl::StatusCode CodeOf(int extended) {
  switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return absl::StatusCode::kAlreadyExists;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return absl::StatusCode::kFailedPrecondition;
    default:
      break;
  }
  switch (extended & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
      return absl::StatusCode::kInvalidArgument;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_NOMEM:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status ErrorOf(sqlite3* handle, int result, std::string_view purpose) {
  const int extended = handle != nullptr ? sqlite3_extended_errcode(handle) : result;
  const char* message = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(result);
  return absl::Status(CodeOf(extended), fmt::format("{}: {}", purpose, message));
}

// SQLite's own form of a path with parameters: everything else that means something in a URI is escaped.
std::string UriOf(const std::string& path, std::string_view parameters) {
  return fmt::format("file:{}{}", EncodePercent(path, "/"), parameters);
}

}  // namespace

// ---- Statement ----

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)),
      purpose_(other.purpose_),
      bound_(other.bound_),
      bind_error_(std::move(other.bind_error_)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this == &other) return *this;
  sqlite3_finalize(statement_);
  statement_ = std::exchange(other.statement_, nullptr);
  purpose_ = other.purpose_;
  bound_ = other.bound_;
  bind_error_ = std::move(other.bind_error_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::NoteBind(int index, int result) {
  if (result == SQLITE_OK || !bind_error_.ok()) return;
  bind_error_ = absl::Status(CodeOf(result),
                             fmt::format("{}: parameter {}: {}", purpose_, index, sqlite3_errstr(result)));
}

void Statement::BindInteger(int index, int64_t value) {
  NoteBind(index, sqlite3_bind_int64(statement_, index, value));
}

void Statement::BindAt(int index, double value) {
  NoteBind(index, sqlite3_bind_double(statement_, index, value));
}

void Statement::BindAt(int index, std::string_view text) {
  // A null pointer would bind NULL.
  const char* data = text.data() != nullptr ? text.data() : "";
  NoteBind(index, sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::BindAt(int index, const Blob& blob) {
  const char* data = blob.bytes.data() != nullptr ? blob.bytes.data() : "";
  NoteBind(index, sqlite3_bind_blob64(statement_, index, data, blob.bytes.size(), SQLITE_TRANSIENT));
}

void Statement::BindAt(int index, std::nullopt_t) { NoteBind(index, sqlite3_bind_null(statement_, index)); }

absl::StatusOr<bool> Statement::Step() {
  if (!bind_error_.ok()) return bind_error_;
  if (bound_ != sqlite3_bind_parameter_count(statement_)) {
    return absl::InternalError(fmt::format("{}: {} of {} parameters bound", purpose_, bound_,
                                           sqlite3_bind_parameter_count(statement_)));
  }
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return ErrorOf(sqlite3_db_handle(statement_), result, purpose_);
}

absl::Status Statement::Run() {
  ASSIGN_OR_RETURN(const bool row, Step());
  if (row) return absl::InternalError(fmt::format("{}: unexpected row", purpose_));
  return absl::OkStatus();
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  bound_ = 0;
  bind_error_ = absl::OkStatus();
}

bool Statement::IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

int64_t Statement::Int64(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::Double(int column) const { return sqlite3_column_double(statement_, column); }

std::string_view Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string_view Statement::Bytes(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<int64_t> Statement::OptionalInt64(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Int64(column);
}

// ---- Database ----

absl::StatusOr<Database> Database::Open(const std::string& path) {
  const bool in_memory = path == ":memory:";
  UseSpareRoomForSqlite();
  if (!in_memory) {
    // SQLite would create it by the umask; the record holds build arguments and token hashes.
    // Its -wal and -shm files get the same mode.
    ASSIGN_OR_RETURN(const UniqueFd created, OpenFile(path, O_RDWR | O_CREAT, 0600));
  }
  sqlite3* handle = nullptr;
  // Our lock guards the connection, SQLite's own mutexes are not needed.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int result = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database(handle);
  if (result != SQLITE_OK) return ErrorOf(handle, result, fmt::format("open the database {}", path));
  RETURN_IF_ERROR(Annotate(database.Configure(in_memory), path));
  return database;
}

absl::StatusOr<Database> Database::OpenToRead(const std::string& path, bool unchanging) {
  if (!Exists(path)) return absl::NotFoundError(fmt::format("there is no database {}", path));
  sqlite3* handle = nullptr;
  int result = SQLITE_OK;
  const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (unchanging) {
    result = sqlite3_open_v2(UriOf(path, "?immutable=1").c_str(), &handle, flags | SQLITE_OPEN_URI, nullptr);
  } else {
    result = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  }
  Database database(handle);
  if (result != SQLITE_OK) return ErrorOf(handle, result, fmt::format("open the database {}", path));
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  RETURN_IF_ERROR(database.Execute("configure the connection", "PRAGMA trusted_schema=OFF;"));
  return database;
}

absl::Status Database::CopyTo(const std::string& path, int64_t step_bytes,
                              const std::function<absl::Status(int64_t)>& step) {
  // Held to the end: SQLite begins a copy again when somebody else has written, and on a busy farm it would
  // never come to an end. In a write-ahead log a reader keeps nobody from writing.
  RETURN_IF_ERROR(Execute("begin to read", "BEGIN"));
  absl::Status copied = CopySnapshot(path, step_bytes, step);
  const absl::Status ended = Execute("end reading", "ROLLBACK");
  return copied.ok() ? ended : copied;
}

absl::Status Database::CopySnapshot(const std::string& path, int64_t step_bytes,
                                    const std::function<absl::Status(int64_t)>& step) {
  // The transaction has its moment with the first thing that it reads.
  RETURN_IF_ERROR(QueryInt64({"begin to read", "SELECT count(*) FROM sqlite_schema"}).status());
  ASSIGN_OR_RETURN(const int64_t page, QueryInt64({"read the page size", "PRAGMA page_size"}));
  { ASSIGN_OR_RETURN(const UniqueFd created, OpenFile(path, O_RDWR | O_CREAT | O_EXCL, 0600)); }
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int opened = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database target(handle);
  if (opened != SQLITE_OK) return ErrorOf(handle, opened, fmt::format("open the copy {}", path));
  RETURN_IF_ERROR(target.Execute("configure the copy", "PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF;"));
  sqlite3_backup* backup = sqlite3_backup_init(target.handle_, "main", handle_, "main");
  if (backup == nullptr) return ErrorOf(target.handle_, SQLITE_ERROR, "begin the copy of the record");
  const int pages = static_cast<int>(std::max<int64_t>(1, step_bytes / page));
  int result = SQLITE_OK;
  int done = 0;
  absl::Status stopped;
  while (result == SQLITE_OK && stopped.ok()) {
    result = sqlite3_backup_step(backup, pages);
    const int now = sqlite3_backup_pagecount(backup) - sqlite3_backup_remaining(backup);
    stopped = step(std::max(0, now - done) * page);
    done = now;
  }
  sqlite3_backup_finish(backup);
  RETURN_IF_ERROR(stopped);
  if (result != SQLITE_DONE) return ErrorOf(nullptr, result, fmt::format("copy the record to {}", path));
  return absl::OkStatus();
}

absl::Status Database::Configure(bool in_memory) {
  sqlite3_busy_timeout(handle_, kBusyMilliseconds);
  if (!in_memory) {
    ASSIGN_OR_RETURN(Statement journal, Prepare({"turn on write-ahead logging", "PRAGMA journal_mode=WAL"}));
    ASSIGN_OR_RETURN(const bool row, journal.Step());
    if (!row || journal.Text(0) != "wal") {
      return absl::UnavailableError("turn on write-ahead logging: this file system does not support it");
    }
  }
  return Execute("configure the connection",
                 "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;");
}

Database::Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Database& Database::operator=(Database&& other) noexcept {
  if (this == &other) return *this;
  sqlite3_close_v2(handle_);
  handle_ = std::exchange(other.handle_, nullptr);
  return *this;
}

Database::~Database() { sqlite3_close_v2(handle_); }

absl::StatusOr<Statement> Database::Prepare(const Sql& sql) {
  sqlite3_stmt* statement = nullptr;
  const int result =
      sqlite3_prepare_v3(handle_, sql.text, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) return ErrorOf(handle_, result, sql.purpose);
  return Statement(statement, sql.purpose);
}

absl::Status Database::Execute(std::string_view purpose, const std::string& sql) {
  const int result = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? absl::OkStatus() : ErrorOf(handle_, result, purpose);
}

absl::StatusOr<int64_t> Database::QueryInt64(const Sql& sql) {
  ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::InternalError(fmt::format("{}: no row", sql.purpose));
  return statement.Int64(0);
}

bool Database::InTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }

int64_t Database::LastInsertId() const { return sqlite3_last_insert_rowid(handle_); }

int64_t Database::Changes() const { return sqlite3_changes64(handle_); }

// ---- Transaction ----

absl::StatusOr<Transaction> Transaction::Begin(Database& database) {
  RETURN_IF_ERROR(database.Execute("begin a transaction", "BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  // Nothing to roll back when committed, or when SQLite did it itself. A failing ROLLBACK leaves
  // nothing that could be done here: the next BEGIN reports it.
  if (database_ != nullptr && database_->InTransaction()) {
    (void)database_->Execute("roll back a transaction", "ROLLBACK");
  }
}

absl::Status Transaction::Commit() {
  if (!database_->InTransaction()) {
    return absl::UnavailableError("commit a transaction: the database has rolled it back after an error");
  }
  RETURN_IF_ERROR(database_->Execute("commit a transaction", "COMMIT"));
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace crossmill::storage
