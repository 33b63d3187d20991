#include "coordinator/storage/retention/aging_records.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kMark{"look up how far work has come", "SELECT mark FROM retention_marks WHERE name = ?1"};
constexpr Sql kSetMark{
    "note how far work has come",
    "INSERT INTO retention_marks (name, mark) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE "
    "SET mark = excluded.mark"};
constexpr Sql kAgingExecutions{
    "list executions by age",
    "SELECT id, build, CASE WHEN abandoned = 1 THEN started_at ELSE finished_at END, "
    "exit_code <> 0 OR failure <> '' OR timed_out <> 0 OR abandoned = 1 "
    "FROM executions WHERE id > ?1 ORDER BY id LIMIT ?2"};
constexpr Sql kAgingBuilds{"list builds by age",
                           "SELECT id, CASE WHEN status >= 4 THEN coalesce(finished_at, submitted_at) END "
                           "FROM builds WHERE id > ?1 ORDER BY id LIMIT ?2"};
// 1: good, 2: bad.
constexpr Sql kFirstBad{"look whether a build is the first bad one",
                        "SELECT 1 FROM ended_builds AS ended JOIN build_history AS bad ON bad.recipe = "
                        "ended.recipe AND bad.build = "
                        "ended.build WHERE ended.build = ?1 AND bad.standing = 2 AND coalesce((SELECT "
                        "standing FROM build_history "
                        "AS before WHERE before.recipe = bad.recipe AND before.platform = bad.platform AND "
                        "before.build < bad.build "
                        "AND before.standing <> 0 ORDER BY before.build DESC LIMIT 1), 1) = 1 LIMIT 1"};
constexpr Sql kNoteLogRemoved{"note that a console was removed",
                              "UPDATE executions SET log_removed_at = ?2 WHERE id = ?1"};
constexpr Sql kLogRemovedAt{"look up whether a console was removed",
                            "SELECT coalesce(log_removed_at, 0) FROM executions WHERE id = ?1"};
constexpr Sql kThinEvents{
    "thin the events of a build",
    "DELETE FROM events WHERE build = ?1 AND number < (SELECT max(number) FROM events WHERE build = ?1)"};
constexpr Sql kEventsToThin{"count the events of a build",
                            "SELECT max(count(*) - 1, 0) FROM events WHERE build = ?1"};
constexpr Sql kNoteThinned{"note that the events of a build were thinned",
                           "UPDATE builds SET events_thinned_at = ?2 WHERE id = ?1 AND status >= 4"};
constexpr Sql kThinTasks{"thin the tasks of a build",
                         "UPDATE leases SET task = x'' WHERE build = ?1 AND outcome IS NOT NULL"};
constexpr Sql kRemovePlatforms{
    "remove the platforms of an image",
    "DELETE FROM image_platforms WHERE image = (SELECT name FROM images WHERE name = "
    "?1 AND root_hash = ?2 AND created_at = ?3)"};
constexpr Sql kRemoveImage{"remove an image",
                           "DELETE FROM images WHERE name = ?1 AND root_hash = ?2 AND created_at = ?3"};

}  // namespace

absl::StatusOr<int64_t> AgingRecords::Mark(const std::string& name) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kMark));
  query->Bind(name);
  ASSIGN_OR_RETURN(const bool row, query->Step());
  return row ? query->Int64(0) : 0;
}

absl::Status AgingRecords::SetMark(const std::string& name, int64_t mark) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kSetMark, name, mark);
}

absl::StatusOr<std::vector<AgingExecution>> AgingRecords::Executions(int64_t behind, int limit) {
  std::vector<AgingExecution> executions;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kAgingExecutions));
  query->Bind(behind, limit);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return executions;
    executions.push_back({query->Int64(0), query->Int64(1), query->OptionalInt64(2), query->Int64(3) != 0});
  }
}

absl::StatusOr<std::vector<AgingBuild>> AgingRecords::Builds(int64_t behind, int limit) {
  std::vector<AgingBuild> builds;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kAgingBuilds));
  query->Bind(behind, limit);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return builds;
    builds.push_back({query->Int64(0), query->OptionalInt64(1)});
  }
}

absl::StatusOr<bool> AgingRecords::IsFirstBad(int64_t build) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFirstBad));
  query->Bind(build);
  return query->Step();
}

absl::Status AgingRecords::NoteLogsRemoved(absl::Span<const int64_t> executions, int64_t now_ns) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    for (const int64_t execution : executions)
      RETURN_IF_ERROR(connection_.Run(kNoteLogRemoved, execution, now_ns));
    return absl::OkStatus();
  });
}

absl::StatusOr<int64_t> AgingRecords::LogRemovedAt(int64_t execution) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kLogRemovedAt));
  query->Bind(execution);
  ASSIGN_OR_RETURN(const bool row, query->Step());
  return row ? query->Int64(0) : 0;
}

absl::StatusOr<int64_t> AgingRecords::EventsToThin(int64_t build) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kEventsToThin));
  query->Bind(build);
  RETURN_IF_ERROR(query->Step().status());
  return query->Int64(0);
}

absl::StatusOr<int64_t> AgingRecords::ThinEvents(absl::Span<const int64_t> builds, int64_t now_ns) {
  int64_t removed = 0;
  RETURN_IF_ERROR(connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    removed = 0;
    for (const int64_t build : builds) {
      RETURN_IF_ERROR(connection_.Run(kNoteThinned, build, now_ns));
      if (connection_.Changes() == 0) continue;
      RETURN_IF_ERROR(connection_.Run(kThinTasks, build));
      RETURN_IF_ERROR(connection_.Run(kThinEvents, build));
      removed += connection_.Changes();
    }
    return absl::OkStatus();
  }));
  return removed;
}

absl::StatusOr<bool> AgingRecords::RemoveImage(const KeptImage& image) {
  bool removed = false;
  RETURN_IF_ERROR(connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    RETURN_IF_ERROR(connection_.Run(kRemovePlatforms, image.name, image.hash, image.created_at));
    RETURN_IF_ERROR(connection_.Run(kRemoveImage, image.name, image.hash, image.created_at));
    removed = connection_.Changes() > 0;
    return absl::OkStatus();
  }));
  return removed;
}

}  // namespace crossmill::storage
