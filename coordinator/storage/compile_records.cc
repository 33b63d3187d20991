#include "coordinator/storage/compile_records.h"

#include "common/base/status.h"
#include "coordinator/storage/people/project_sql.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::storage {
namespace {

constexpr Sql kLatestCompiles{
    "look up what compiling a package took",
    "SELECT executions.build, executions.stage, packages.seconds, packages.emulated FROM packages "
    "JOIN executions ON executions.id = packages.execution "
    "WHERE packages.name = ?1 AND packages.version = ?2 AND packages.outcome = ?3 AND packages.seconds >= 0 "
    "AND " BUILD_SEEN("executions", "?5") " ORDER BY packages.execution DESC LIMIT ?4"};

}  // namespace

absl::StatusOr<std::vector<CompileRow>> CompileRecords::Latest(const core::Scope& scope,
                                                               std::string_view name,
                                                               std::string_view version, int limit) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kLatestCompiles));
  query->Bind(name, version, static_cast<int64_t>(v1::OUTCOME_SOURCE), static_cast<int64_t>(limit),
              scope.project());
  std::vector<CompileRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, query->Step());
    if (!found) return rows;
    rows.push_back(
        {query->Int64(0), static_cast<uint32_t>(query->Int64(1)), query->Double(2), query->Int64(3) != 0});
  }
}

}  // namespace crossmill::storage
