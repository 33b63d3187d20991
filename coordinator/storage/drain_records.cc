#include "coordinator/storage/drain_records.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kListDrained{"list the drained workers", "SELECT name FROM drained_workers ORDER BY name"};
constexpr Sql kDrain{"drain a worker",
                     "INSERT OR IGNORE INTO drained_workers (name, drained_at) VALUES (?1, ?2)"};
constexpr Sql kUndrain{"undrain a worker", "DELETE FROM drained_workers WHERE name = ?1"};
constexpr Sql kListCordoned{"list the cordoned workers",
                            "SELECT name, last_build FROM cordoned_workers ORDER BY name"};
constexpr Sql kCordon{
    "cordon a worker",
    "INSERT OR IGNORE INTO cordoned_workers (name, last_build, cordoned_at) VALUES (?1, ?2, ?3)"};
constexpr Sql kUncordon{"uncordon a worker", "DELETE FROM cordoned_workers WHERE name = ?1"};

}  // namespace

absl::Status DrainRecords::Restore(core::DrainedWorkers& workers) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse drained, connection_.Use(kListDrained));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, drained->Step());
    if (!row) break;
    workers.Set(std::string(drained->Text(0)), true);
  }
  ASSIGN_OR_RETURN(StatementUse cordoned, connection_.Use(kListCordoned));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, cordoned->Step());
    if (!row) return absl::OkStatus();
    workers.SetCordoned(std::string(cordoned->Text(0)), cordoned->Int64(1));
  }
}

absl::Status DrainRecords::Set(const std::string& worker, bool drained, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return drained ? connection_.Run(kDrain, worker, now_ns) : connection_.Run(kUndrain, worker);
}

absl::Status DrainRecords::SetCordoned(const std::string& worker, std::optional<int64_t> last_build,
                                       int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return last_build ? connection_.Run(kCordon, worker, *last_build, now_ns)
                    : connection_.Run(kUncordon, worker);
}

}  // namespace crossmill::storage
