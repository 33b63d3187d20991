#include "coordinator/storage/trust/trust_records.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

// Rows of one transaction: the farm's own wait for it.
constexpr size_t kRowsAtATime = 500;

constexpr Sql kListDistrusted{"list the distrusted workers",
                              "SELECT name FROM distrusted_workers ORDER BY name"};
constexpr Sql kDistrust{"distrust a worker",
                        "INSERT OR IGNORE INTO distrusted_workers (name, distrusted_at) VALUES (?1, ?2)"};
constexpr Sql kTrust{"trust a worker", "DELETE FROM distrusted_workers WHERE name = ?1"};
constexpr Sql kMadeBy{
    "find the executions of a worker",
    "SELECT id FROM executions WHERE worker = ?1 AND (finished_at >= ?2 OR finished_at IS NULL)"};
constexpr Sql kInstalledFrom{"find what was installed from an execution's wheels",
                             "SELECT DISTINCT execution FROM packages "
                             "WHERE compiled_by_execution = ?1 AND compiled_by_execution <> 0"};
constexpr Sql kBegan{"look up when an execution began", "SELECT started_at FROM executions WHERE id = ?1"};
constexpr Sql kTakeBack{"take an execution's result back",
                        "UPDATE executions SET distrusted_at = ?2 WHERE id = ?1 AND distrusted_at IS NULL "
                        "RETURNING finished_at IS NOT NULL AND tar_hash IS NOT NULL"};
constexpr Sql kTakeBackWithWheels{
    "take an execution's result back with its wheels",
    "UPDATE executions SET distrusted_at = ?2 WHERE id = ?1 AND distrusted_at IS NULL AND EXISTS "
    "(SELECT 1 FROM packages JOIN executions AS compilers ON compilers.id = packages.compiled_by_execution "
    "WHERE packages.execution = ?1 AND compilers.distrusted_at IS NOT NULL) RETURNING id"};
constexpr Sql kAnyTakenBack{"look up whether executions were taken back",
                            "SELECT 1 FROM executions WHERE distrusted_at IS NOT NULL LIMIT 1"};
constexpr Sql kTakenBack{"look up whether an execution was taken back",
                         "SELECT 1 FROM executions WHERE id = ?1 AND distrusted_at IS NOT NULL"};
constexpr Sql kCompilers{"list who compiled the farm's wheels", "SELECT id, execution FROM farm_wheels"};
constexpr Sql kForgetWheel{"forget a wheel that the farm compiled", "DELETE FROM farm_wheels WHERE id = ?1"};
constexpr Sql kDropExports{"forget the exports of a worker",
                           "DELETE FROM exports WHERE (worker = ?1 AND made_at >= ?2) OR worker = '' "
                           "RETURNING key"};
constexpr Sql kBuildsAfter{
    "load builds",
    "SELECT id, plan, view FROM builds WHERE id > ?1 AND (finished_at IS NULL OR finished_at >= ?2) "
    "ORDER BY id LIMIT ?3"};
constexpr Sql kCountUntrue{
    "count an untrue report",
    "INSERT INTO untrue_reports (worker, reports, last, last_at) VALUES (?1, 1, ?2, ?3) ON CONFLICT (worker) "
    "DO "
    "UPDATE SET reports = reports + 1, last = excluded.last, last_at = excluded.last_at"};
constexpr Sql kUntrue{"list untrue reports", "SELECT worker, reports, last FROM untrue_reports"};

// The first column of all rows.
absl::StatusOr<std::set<int64_t>> Ids(StatementUse& query) {
  std::set<int64_t> ids;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return ids;
    ids.insert(query->Int64(0));
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> TrustRecords::Distrusted() {
  std::vector<std::string> names;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kListDistrusted));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return names;
    names.emplace_back(query->Text(0));
  }
}

absl::Status TrustRecords::SetDistrusted(const std::string& worker, bool distrusted, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return distrusted ? connection_.Run(kDistrust, worker, now_ns) : connection_.Run(kTrust, worker);
}

absl::StatusOr<std::set<int64_t>> TrustRecords::MadeBy(const std::string& worker, int64_t since_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kMadeBy));
  query->Bind(worker, since_ns);
  return Ids(query);
}

absl::StatusOr<std::set<int64_t>> TrustRecords::InstalledFrom(int64_t execution) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kInstalledFrom));
  query->Bind(execution);
  return Ids(query);
}

absl::StatusOr<int64_t> TrustRecords::Earliest(const std::set<int64_t>& executions) {
  if (executions.empty()) return 0;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kBegan));
  query->Bind(*executions.begin());  // numbers are given as executions begin
  ASSIGN_OR_RETURN(const bool row, query->Step());
  return row ? query->Int64(0) : 0;
}

absl::StatusOr<int64_t> TrustRecords::TakeBack(const std::set<int64_t>& executions, int64_t now_ns) {
  int64_t taken = 0;
  const std::vector<int64_t> ids(executions.begin(), executions.end());
  for (size_t begin = 0; begin < ids.size(); begin += kRowsAtATime) {
    const size_t end = std::min(ids.size(), begin + kRowsAtATime);
    int64_t now_taken = 0;
    RETURN_IF_ERROR(connection_.Transact([&]() -> absl::Status {
      RecursiveMutexLock lock(connection_.mutex());
      for (size_t i = begin; i < end; ++i) {
        ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kTakeBack));
        query->Bind(ids[i], now_ns);
        while (true) {
          ASSIGN_OR_RETURN(const bool row, query->Step());
          if (!row) break;
          now_taken += query->Int64(0);
        }
      }
      return absl::OkStatus();
    }));
    taken += now_taken;
  }
  RETURN_IF_ERROR(connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    std::vector<int64_t> wheels;
    {
      ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kCompilers));
      while (true) {
        ASSIGN_OR_RETURN(const bool row, query->Step());
        if (!row) break;
        if (executions.contains(query->Int64(1))) wheels.push_back(query->Int64(0));
      }
    }
    for (const int64_t wheel : wheels) RETURN_IF_ERROR(connection_.Run(kForgetWheel, wheel));
    return absl::OkStatus();
  }));
  return taken;
}

absl::StatusOr<bool> TrustRecords::TakeBackWithItsWheels(int64_t execution, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kTakeBackWithWheels));
  query->Bind(execution, now_ns);
  bool taken = false;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return taken;
    taken = true;
  }
}

absl::StatusOr<std::set<int64_t>> TrustRecords::TakenBack(const std::set<int64_t>& executions) {
  std::set<int64_t> taken;
  RecursiveMutexLock lock(connection_.mutex());
  {
    ASSIGN_OR_RETURN(StatementUse any, connection_.Use(kAnyTakenBack));
    ASSIGN_OR_RETURN(const bool row, any->Step());
    if (!row) return taken;
  }
  for (const int64_t execution : executions) {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kTakenBack));
    query->Bind(execution);
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (row) taken.insert(execution);
  }
  return taken;
}

absl::StatusOr<int64_t> TrustRecords::DropExports(const std::string& worker, int64_t since_ns) {
  int64_t dropped = 0;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kDropExports));
  query->Bind(worker, since_ns);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return dropped;
    ++dropped;
  }
}

absl::StatusOr<std::vector<PlannedBuild>> TrustRecords::BuildsAfter(int64_t id, int64_t time_ns,
                                                                    int64_t most) {
  std::vector<PlannedBuild> builds;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kBuildsAfter));
  query->Bind(id, time_ns, most);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return builds;
    PlannedBuild& build = builds.emplace_back();
    build.id = query->Int64(0);
    if (!query->IsNull(1))
      RETURN_IF_ERROR(
          ParseRecord(query->Bytes(1), fmt::format("the plan of build {}", build.id), &build.plan));
    RETURN_IF_ERROR(ParseRecord(query->Bytes(2), fmt::format("the view of build {}", build.id), &build.view));
  }
}

absl::Status TrustRecords::CountUntrue(const std::string& worker, std::string_view what, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kCountUntrue, worker, what, now_ns);
}

absl::StatusOr<std::map<std::string, UntrueReports>> TrustRecords::Untrue() {
  std::map<std::string, UntrueReports> reports;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kUntrue));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return reports;
    reports[std::string(query->Text(0))] = {query->Int64(1), std::string(query->Text(2))};
  }
}

}  // namespace crossmill::storage
