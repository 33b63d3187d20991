#include "coordinator/rpc/peers/own_builds.h"

#include "common/base/status.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator {

absl::StatusOr<int64_t> FindOwnBuild(FarmReader& reader, const Roles& roles, int64_t build) {
  const absl::StatusOr<int64_t> seen = reader.walls().Find(ScopeOf(roles), build);
  if (absl::IsNotFound(seen.status()) && reader.walls().FindReadable(ScopeOf(roles), build).ok())
    return absl::PermissionDeniedError(fmt::format(
        "build {} is of another project, which lets all read it and nobody else change it", build));
  RETURN_IF_ERROR(seen.status());
  ASSIGN_OR_RETURN(const v1::BuildView view, reader.Get(*seen));
  RETURN_IF_ERROR(CheckOwner(roles, view.owner(), fmt::format("build {}", view.id())));
  return view.id();
}

}  // namespace crossmill::coordinator
