#include "coordinator/storage/farm_wheel_records.h"

#include <utility>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "coordinator/storage/people/project_sql.h"

namespace crossmill::storage {
namespace {

// Read by ReadRow.
#define FARM_WHEEL_COLUMNS                                                                          \
  "SELECT id, key, project, version, source_file, source_sha256, platform, file_name, hash, size, " \
  "build_dependencies, build, execution, seconds, emulated, compiled_at, uses, used_at "            \
  "FROM farm_wheels "

constexpr Sql kInsert{
    "save a wheel that the farm compiled",
    "INSERT INTO farm_wheels (key, project, version, source_file, source_sha256, platform, file_name, hash, "
    "size, build_dependencies, build, execution, seconds, emulated, compiled_at) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"};
constexpr Sql kWithKey{"look up wheels that the farm compiled",
                       FARM_WHEEL_COLUMNS "WHERE key = ?1 ORDER BY id DESC"};
constexpr Sql kFind{"look up a wheel that the farm compiled", FARM_WHEEL_COLUMNS "WHERE id = ?1"};
constexpr Sql kListAll{
    "list wheels that the farm compiled",
    FARM_WHEEL_COLUMNS "WHERE " BUILD_SEEN(
        "farm_wheels", "?2") " ORDER BY farm_wheels.project, version, platform, id DESC LIMIT ?1"};
constexpr Sql kListProject{"list wheels of a project that the farm compiled",
                           FARM_WHEEL_COLUMNS "WHERE project = ?3 AND " BUILD_SEEN(
                               "farm_wheels", "?2") " ORDER BY version, platform, id DESC LIMIT ?1"};
constexpr Sql kRemove{"forget a wheel that the farm compiled", "DELETE FROM farm_wheels WHERE id = ?1"};
constexpr Sql kNoteUse{"note the use of a wheel",
                       "UPDATE farm_wheels SET uses = uses + 1, used_at = ?2 WHERE id = ?1"};

constexpr Sql kMayUse{"look up whether an execution is believed",
                      "SELECT distrusted_at IS NULL FROM executions WHERE id = ?1"};

#undef FARM_WHEEL_COLUMNS

absl::StatusOr<FarmWheelRow> ReadRow(Statement& query) {
  FarmWheelRow row;
  row.id = query.Int64(0);
  row.key = query.Text(1);
  row.wheel.set_project(std::string(query.Text(2)));
  row.wheel.set_version(std::string(query.Text(3)));
  row.source_file = query.Text(4);
  row.wheel.set_source_sha256(std::string(query.Text(5)));
  row.platform = query.Text(6);
  row.wheel.set_file_name(std::string(query.Text(7)));
  ToProto(Digest{std::string(query.Text(8)), query.Int64(9)}, row.wheel.mutable_file());
  RETURN_IF_ERROR(ParseRecord(query.Bytes(10), fmt::format("the build dependencies of wheel {}", row.id),
                              &row.build_dependencies));
  row.wheel.set_build(query.Int64(11));
  row.wheel.set_execution(query.Int64(12));
  row.wheel.set_seconds(query.Double(13));
  row.wheel.set_emulated(query.Int64(14) != 0);
  row.compiled_at = query.Int64(15);
  row.uses = query.Int64(16);
  row.used_at = query.Int64(17);
  return row;
}

absl::StatusOr<std::vector<FarmWheelRow>> ReadRows(Statement& query) {
  std::vector<FarmWheelRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return rows;
    ASSIGN_OR_RETURN(rows.emplace_back(), ReadRow(query));
  }
}

absl::Status NoSuchWheel(int64_t id) {
  return absl::NotFoundError(fmt::format("the farm has no wheel {}; `crossmill wheel ls` lists them", id));
}

}  // namespace

absl::StatusOr<int64_t> FarmWheelRecords::Insert(const FarmWheelRow& row) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(const bool may_use, MayUse(row.wheel.execution()));
  if (!may_use) return absl::FailedPreconditionError("the worker that compiled it is not believed");
  const Digest file = FromProto(row.wheel.file());
  RETURN_IF_ERROR(connection_.Run(kInsert, row.key, row.wheel.project(), row.wheel.version(), row.source_file,
                                  row.wheel.source_sha256(), row.platform, row.wheel.file_name(), file.hash,
                                  file.size, Blob{row.build_dependencies.SerializeAsString()},
                                  row.wheel.build(), row.wheel.execution(), row.wheel.seconds(),
                                  row.wheel.emulated(), row.compiled_at));
  return connection_.LastInsertId();
}

absl::StatusOr<bool> FarmWheelRecords::MayUse(int64_t execution) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kMayUse));
  query->Bind(execution);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  return !found || query->Int64(0) != 0;
}

absl::StatusOr<std::vector<FarmWheelRow>> FarmWheelRecords::WithKey(std::string_view key) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kWithKey));
  query->Bind(key);
  return ReadRows(*query);
}

absl::StatusOr<std::vector<FarmWheelRow>> FarmWheelRecords::List(std::string_view project, int limit,
                                                                 const core::Scope& scope) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(project.empty() ? kListAll : kListProject));
  if (project.empty()) {
    query->Bind(limit, scope.project());
  } else {
    query->Bind(limit, scope.project(), project);
  }
  return ReadRows(*query);
}

absl::StatusOr<FarmWheelRow> FarmWheelRecords::Find(int64_t id) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFind));
  query->Bind(id);
  ASSIGN_OR_RETURN(std::vector<FarmWheelRow> rows, ReadRows(*query));
  if (rows.empty()) return NoSuchWheel(id);
  return std::move(rows.front());
}

absl::Status FarmWheelRecords::Remove(int64_t id) {
  RecursiveMutexLock lock(connection_.mutex());
  RETURN_IF_ERROR(connection_.Run(kRemove, id));
  return connection_.Changes() > 0 ? absl::OkStatus() : NoSuchWheel(id);
}

absl::Status FarmWheelRecords::NoteUse(int64_t id, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kNoteUse, id, now_ns);
}

}  // namespace crossmill::storage
