// Statements of one database that are used again and again by a migration, which has no Connection yet.
#pragma once

#include <unordered_map>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "coordinator/storage/sqlite.h"

namespace crossmill::storage {

// Not thread safe. The database outlives it.
class PreparedStatements {
 public:
  explicit PreparedStatements(Database& database) : database_(database) {}

  // Prepared at the first use. Reset it after use.
  absl::StatusOr<Statement*> Use(const Sql& sql) {
    auto found = statements_.find(&sql);
    if (found == statements_.end()) {
      ASSIGN_OR_RETURN(Statement statement, database_.Prepare(sql));
      found = statements_.emplace(&sql, std::move(statement)).first;
    }
    return &found->second;
  }

  // Of one that gives no rows.
  template <typename... Values>
  absl::Status Run(const Sql& sql, const Values&... values) {
    ASSIGN_OR_RETURN(Statement * statement, Use(sql));
    statement->Bind(values...);
    const absl::Status status = statement->Run();
    statement->Reset();
    return status;
  }

  // None is left that would hold the database or a table.
  void Clear() { statements_.clear(); }

 private:
  Database& database_;
  std::unordered_map<const Sql*, Statement> statements_;
};

}  // namespace crossmill::storage
