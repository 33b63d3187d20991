#include "coordinator/storage/people/build_shares.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kFindShare{"look up whether a build is shared", "SELECT 1 FROM shared_builds WHERE build = ?1"};
constexpr Sql kShare{"share a build",
                     "INSERT INTO shared_builds (build, shared_by, shared_at) VALUES (?1, ?2, ?3)"};
constexpr Sql kUnshare{"share a build no longer", "DELETE FROM shared_builds WHERE build = ?1"};

absl::StatusOr<bool> IsShared(Connection& connection, int64_t build) {
  RecursiveMutexLock lock(connection.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection.Use(kFindShare));
  query->Bind(build);
  return query->Step();
}

}  // namespace

absl::StatusOr<bool> BuildShares::Share(int64_t build, const std::string& by, int64_t at) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(const bool was, IsShared(connection_, build));
  if (was) return false;
  const absl::Status shared = connection_.Run(kShare, build, by, at);
  if (absl::IsFailedPrecondition(shared))
    return absl::NotFoundError(fmt::format("there is no build {}", build));
  RETURN_IF_ERROR(shared);
  return true;
}

absl::StatusOr<bool> BuildShares::Unshare(int64_t build) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(const bool was, IsShared(connection_, build));
  RETURN_IF_ERROR(connection_.Run(kUnshare, build));
  return was;
}

}  // namespace crossmill::storage
