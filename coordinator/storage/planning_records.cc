#include "coordinator/storage/planning_records.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kBegun{"read how often a build was planned", "SELECT begun FROM plannings WHERE build = ?1"};
constexpr Sql kBegin{"begin to plan a build",
                     "INSERT INTO plannings (build, begun) VALUES (?1, 1) "
                     "ON CONFLICT (build) DO UPDATE SET begun = begun + 1"};
constexpr Sql kEnd{"end the planning of a build", "DELETE FROM plannings WHERE build = ?1"};
constexpr Sql kWithdraw{"stop the planning of a build",
                        "UPDATE plannings SET begun = begun - 1 WHERE build = ?1"};
constexpr Sql kWithdrawAll{"stop the planning of all builds",
                           "UPDATE plannings SET begun = begun - 1 WHERE begun > 0"};
constexpr Sql kForgetEnded{
    "forget the planning of builds that have ended",
    "DELETE FROM plannings WHERE build IN (SELECT id FROM builds WHERE finished_at IS NOT NULL)"};

}  // namespace

absl::StatusOr<int64_t> PlanningRecords::Deaths(int64_t build) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kBegun));
  query->Bind(build);
  ASSIGN_OR_RETURN(const bool row, query->Step());
  return row ? query->Int64(0) : 0;
}

absl::Status PlanningRecords::Begin(int64_t build) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kBegin, build);
}

absl::Status PlanningRecords::End(int64_t build) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kEnd, build);
}

absl::Status PlanningRecords::Withdraw(int64_t build) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kWithdraw, build);
}

absl::Status PlanningRecords::WithdrawAll() {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kWithdrawAll);
}

absl::Status PlanningRecords::ForgetEnded() {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kForgetEnded);
}

}  // namespace crossmill::storage
