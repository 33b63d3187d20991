#include "coordinator/storage/drain_records.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kListDrained{"list the drained workers", "SELECT name FROM drained_workers ORDER BY name"};
constexpr Sql kDrain{"drain a worker",
                     "INSERT OR IGNORE INTO drained_workers (name, drained_at) VALUES (?1, ?2)"};
constexpr Sql kUndrain{"undrain a worker", "DELETE FROM drained_workers WHERE name = ?1"};

}  // namespace

absl::StatusOr<std::vector<std::string>> DrainRecords::List() {
  std::vector<std::string> names;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kListDrained));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return names;
    names.emplace_back(query->Text(0));
  }
}

absl::Status DrainRecords::Set(const std::string& worker, bool drained, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return drained ? connection_.Run(kDrain, worker, now_ns) : connection_.Run(kUndrain, worker);
}

}  // namespace crossmill::storage
