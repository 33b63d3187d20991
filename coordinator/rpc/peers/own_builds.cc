#include "coordinator/rpc/peers/own_builds.h"

#include "common/base/status.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator {

absl::StatusOr<int64_t> FindOwnBuild(FarmReader& reader, const Roles& roles, int64_t build) {
  ASSIGN_OR_RETURN(const int64_t seen, reader.walls().Find(ScopeOf(roles), build));
  ASSIGN_OR_RETURN(const v1::BuildView view, reader.Get(seen));
  RETURN_IF_ERROR(CheckOwner(roles, view.owner(), fmt::format("build {}", view.id())));
  return view.id();
}

}  // namespace crossmill::coordinator
