#include "coordinator/storage/people/build_walls.h"

#include "common/base/status.h"
#include "coordinator/storage/people/project_sql.h"

namespace crossmill::storage {
namespace {

constexpr Sql kSeesBuild{"look up whose a build is",
                         "SELECT 1 FROM build_projects WHERE build = ?1 AND project = ?2"};
constexpr Sql kLatestSeen{"find the latest build of a project",
                          "SELECT p.build FROM build_projects p CROSS JOIN builds b ON b.id = p.build AND "
                          "b.ahead_of = 0 WHERE p.project = ?1 ORDER BY p.build DESC LIMIT 1"};
constexpr Sql kIsShared{"look up whether a build is shared", "SELECT 1 FROM shared_builds WHERE build = ?1"};
constexpr Sql kSharedSince{
    "list shared builds that may have reused an execution",
    "SELECT s.build FROM executions e JOIN shared_builds s ON s.build >= e.build WHERE "
    "e.id = ?1 AND " PROJECT_OF_BUILD("s") " = " PROJECT_OF_BUILD("e") " ORDER BY s.build"};
constexpr Sql kSeesExecution{"look up whose an execution is",
                             "SELECT 1 FROM executions WHERE id = ?1 AND (" BUILD_SEEN(
                                 "executions", "?2") " OR EXISTS (SELECT 1 FROM shared_builds s WHERE s.build = "
                                                     "executions.build))"};

}  // namespace

absl::StatusOr<int64_t> BuildWalls::Find(const core::Scope& scope, int64_t build) {
  if (scope.is_farm()) return build;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(build == 0 ? kLatestSeen : kSeesBuild));
  if (build == 0) {
    query->Bind(scope.project());
  } else {
    query->Bind(build, scope.project());
  }
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (found) return build == 0 ? query->Int64(0) : build;
  // As the record says it of what there is not.
  return build == 0 ? absl::NotFoundError("there is no build yet")
                    : absl::NotFoundError(fmt::format("there is no build {}", build));
}

absl::StatusOr<bool> BuildWalls::IsShared(int64_t build) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kIsShared));
  query->Bind(build);
  return query->Step();
}

absl::StatusOr<std::vector<int64_t>> BuildWalls::SharedSince(int64_t execution) {
  std::vector<int64_t> builds;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kSharedSince));
  query->Bind(execution);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return builds;
    builds.push_back(query->Int64(0));
  }
}

absl::StatusOr<int64_t> BuildWalls::FindReadable(const core::Scope& scope, int64_t build) {
  const absl::StatusOr<int64_t> found = Find(scope, build);
  if (build == 0 || !absl::IsNotFound(found.status())) return found;
  ASSIGN_OR_RETURN(const bool shared, IsShared(build));
  return shared ? build : found;
}

absl::Status BuildWalls::CheckExecution(const core::Scope& scope, int64_t execution) {
  if (scope.is_farm()) return absl::OkStatus();
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kSeesExecution));
  query->Bind(execution, scope.project());
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (found) return absl::OkStatus();
  return absl::NotFoundError(fmt::format("there is no execution {}", execution));
}

}  // namespace crossmill::storage
