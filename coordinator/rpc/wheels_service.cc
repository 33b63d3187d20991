#include "coordinator/rpc/wheels_service.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/python/package_name.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator {
namespace {

constexpr int kUsualLimit = 1000;
constexpr int kMostWheels = 10'000;

v1::FarmWheelView ViewOf(const storage::FarmWheelRow& row) {
  v1::FarmWheelView view;
  view.set_id(row.id);
  *view.mutable_wheel() = row.wheel;
  view.set_source_file(row.source_file);
  view.set_platform(row.platform);
  *view.mutable_build_dependencies() = row.build_dependencies;
  view.set_compiled_at(row.compiled_at);
  view.set_uses(row.uses);
  view.set_used_at(row.used_at);
  return view;
}

}  // namespace

absl::Status WheelsService::List(const core::Scope& scope, const v1::ListFarmWheelsRequest& request,
                                 v1::ListFarmWheelsResponse* response) {
  const int limit = request.limit() <= 0 ? kUsualLimit : std::min(request.limit(), kMostWheels);
  ASSIGN_OR_RETURN(const std::vector<storage::FarmWheelRow> rows,
                   wheels_.List(python::NormaliseName(request.project()), limit + 1, scope));
  for (const storage::FarmWheelRow& row : rows) {
    if (response->wheels_size() < limit) {
      *response->add_wheels() = ViewOf(row);
    } else {
      response->set_more(true);
    }
  }
  return absl::OkStatus();
}

absl::Status WheelsService::Remove(const v1::RemoveFarmWheelsRequest& request,
                                   v1::RemoveFarmWheelsResponse* response) {
  if (request.ids_size() > kMostWheels) {
    return absl::InvalidArgumentError(fmt::format("at most {} wheels are removed at once", kMostWheels));
  }
  return records_.Transact([&]() -> absl::Status {
    for (const int64_t id : request.ids()) {
      ASSIGN_OR_RETURN(const storage::FarmWheelRow row, wheels_.Find(id));
      RETURN_IF_ERROR(wheels_.Remove(id));
      *response->add_removed() = ViewOf(row);
    }
    return absl::OkStatus();
  });
}

grpc::Status WheelsService::ListFarmWheels(grpc::ServerContext* context,
                                           const v1::ListFarmWheelsRequest* request,
                                           v1::ListFarmWheelsResponse* response) {
  const absl::StatusOr<Roles> roles = authenticator_.Admit(*context, v1::ACCESS_READ);
  if (!roles.ok()) return rpc::ToGrpc(roles.status());
  return rpc::ToGrpc(List(ScopeOf(*roles), *request, response));
}

grpc::Status WheelsService::RemoveFarmWheels(grpc::ServerContext* context,
                                             const v1::RemoveFarmWheelsRequest* request,
                                             v1::RemoveFarmWheelsResponse* response) {
  const absl::Status allowed = authenticator_.Require(*context, v1::ACCESS_OPERATE);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  return rpc::ToGrpc(Remove(*request, response));
}

}  // namespace crossmill::coordinator
