#include "coordinator/storage/traces/given_leases.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

// By way of executions, which have an index by build.
constexpr Sql kGivenLeases{
    "list the leases of a build",
    "SELECT stage, replica, worker, granted_at FROM leases WHERE number IN (SELECT lease "
    "FROM executions WHERE build = ?1) ORDER BY number"};

}  // namespace

absl::StatusOr<std::vector<GivenLease>> GivenLeasesOf(Connection& connection, int64_t build) {
  std::vector<GivenLease> leases;
  RecursiveMutexLock lock(connection.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection.Use(kGivenLeases));
  query->Bind(build);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return leases;
    leases.push_back({static_cast<int>(query->Int64(0)), static_cast<int>(query->Int64(1)),
                      std::string(query->Text(2)), query->Int64(3)});
  }
}

}  // namespace crossmill::storage
