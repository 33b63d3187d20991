// SQLite with ownership and absl::Status: Database, Statement, Transaction. SQL is only in this folder.
//
// Every error says what the SQL was for. Codes: UNAVAILABLE (locked, disk full or failing), DATA_LOSS
// (damaged file), ALREADY_EXISTS (unique), FAILED_PRECONDITION (foreign key), INVALID_ARGUMENT (other
// constraints), INTERNAL (our SQL is wrong).
//
// None of these classes is thread safe: whoever uses them holds a lock (Connection).
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace crossmill::storage {

// A piece of SQL and what it is for ("save the view of a build"), for messages. Both live for ever.
struct Sql {
  const char* purpose;
  const char* text;
};

// Marks bytes that are bound as BLOB; a plain string is bound as TEXT.
struct Blob {
  std::string_view bytes;
};

// A value of a question whose number of values is known only when it is asked.
using Value = std::variant<int64_t, std::string>;

// A prepared statement. Outlived by its Database. Move only.
//
//   statement.Bind(id, "name", Blob{bytes}, std::optional<int64_t>());
//   while (true) { ASSIGN_OR_RETURN(bool row, statement.Step()); if (!row) break; ... statement.Int64(0) }
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Binds all parameters from the first on; values are copied. A failure is returned by Step.
  template <typename... Values>
  void Bind(const Values&... values) {
    int index = 0;
    (BindAt(++index, values), ...);
    bound_ = index;
  }

  void BindList(const std::vector<Value>& values) {
    for (const Value& value : values) std::visit([this](const auto& each) { BindAt(++bound_, each); }, value);
  }

  // True: there is a row. After false or an error: Reset before the next use.
  absl::StatusOr<bool> Step();
  // For statements that give no rows.
  absl::Status Run();
  // Ends the execution and forgets the parameters.
  void Reset();

  // Columns of the current row, counted from 0. Views are valid until Step or Reset.
  bool IsNull(int column) const;
  int64_t Int64(int column) const;
  double Double(int column) const;
  std::string_view Text(int column) const;
  std::string_view Bytes(int column) const;
  std::optional<int64_t> OptionalInt64(int column) const;

  const char* purpose() const { return purpose_; }

 private:
  friend class Database;
  Statement(sqlite3_stmt* statement, const char* purpose) : statement_(statement), purpose_(purpose) {}

  void BindAt(int index, std::integral auto value) { BindInteger(index, static_cast<int64_t>(value)); }
  void BindAt(int index, double value);
  void BindAt(int index, std::string_view text);
  void BindAt(int index, const std::string& text) { BindAt(index, std::string_view(text)); }
  void BindAt(int index, const char* text) { BindAt(index, std::string_view(text)); }
  void BindAt(int index, const Blob& blob);
  void BindAt(int index, std::nullopt_t);
  template <typename T>
  void BindAt(int index, const std::optional<T>& value) {
    if (value.has_value()) {
      BindAt(index, *value);
    } else {
      BindAt(index, std::nullopt);
    }
  }
  void BindInteger(int index, int64_t value);
  void NoteBind(int index, int result);

  sqlite3_stmt* statement_ = nullptr;
  const char* purpose_ = "";
  int bound_ = 0;
  absl::Status bind_error_;
};

// Resets a statement when the scope ends, so that no read transaction stays open behind it.
class StatementUse {
 public:
  explicit StatementUse(Statement& statement) : statement_(&statement) {}
  StatementUse(StatementUse&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  StatementUse& operator=(StatementUse&&) = delete;
  ~StatementUse() {
    if (statement_ != nullptr) statement_->Reset();
  }
  Statement* operator->() const { return statement_; }
  Statement& operator*() const { return *statement_; }

 private:
  Statement* statement_;
};

// One connection. Move only.
class Database {
 public:
  Database() = default;
  // Opens or creates (mode 0600): WAL, synchronous=FULL, foreign keys on, 10 s of patience with locks.
  // ":memory:" is a private database in memory.
  static absl::StatusOr<Database> Open(const std::string& path);
  // To read what another process may be writing. `unchanging`: nobody writes, and nothing is written beside
  // the file either (a copy that lies on a disk for reading only). NOT_FOUND: there is none.
  static absl::StatusOr<Database> OpenToRead(const std::string& path, bool unchanging);
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  // Statements must be gone.
  ~Database();

  absl::StatusOr<Statement> Prepare(const Sql& sql);
  // Any number of statements without parameters; rows are dropped.
  absl::Status Execute(std::string_view purpose, const std::string& sql);
  // First column of the first row; INTERNAL when there is none.
  absl::StatusOr<int64_t> QueryInt64(const Sql& sql);

  // Everything, as it is at one moment, into a new file, in steps of at most `step_bytes`; after each, `step`
  // is told how many bytes it was, and may end it with an error. Who writes to this database meanwhile waits
  // for nothing. The copy is not synced.
  absl::Status CopyTo(const std::string& path, int64_t step_bytes,
                      const std::function<absl::Status(int64_t)>& step);

  bool InTransaction() const;
  int64_t LastInsertId() const;
  // Rows changed by the last INSERT, UPDATE or DELETE.
  int64_t Changes() const;

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  absl::Status Configure(bool in_memory);
  absl::Status CopySnapshot(const std::string& path, int64_t step_bytes,
                            const std::function<absl::Status(int64_t)>& step);

  sqlite3* handle_ = nullptr;
};

// BEGIN IMMEDIATE ... COMMIT; rolls back when it dies without a successful Commit.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  // UNAVAILABLE when SQLite has already rolled back (a full disk); the destructor cleans up.
  absl::Status Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;
};

}  // namespace crossmill::storage
