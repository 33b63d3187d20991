#include "coordinator/rpc/farm_service.h"

#include "common/rpc/status_proto.h"

namespace crossmill::coordinator {

grpc::Status FarmService::ListWorkers(grpc::ServerContext* context, const v1::ListWorkersRequest*,
                                      v1::ListWorkersResponse* response) {
  const absl::Status allowed = authenticator_.RequireRole(*context, Role::kClient);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  const std::vector<core::WorkerStatus> workers = engine_.reader().Workers();
  std::vector<core::TaskId> tasks;
  for (const core::WorkerStatus& worker : workers) {
    for (const auto& [lease, task] : worker.leases) tasks.push_back(task);
  }
  const auto names = engine_.reader().TaskNames(std::move(tasks));
  if (!names.ok()) return rpc::ToGrpc(names.status());
  const auto outvoted = engine_.reader().Outvoted();
  if (!outvoted.ok()) return rpc::ToGrpc(outvoted.status());
  for (const core::WorkerStatus& worker : workers) {
    v1::WorkerView& view = *response->add_workers();
    *view.mutable_info() = worker.info;
    view.set_connected(worker.connected);
    view.set_last_seen(UnixNanos(worker.last_seen));
    view.set_slots_used(static_cast<uint32_t>(worker.leases.size()));
    view.set_draining(worker.draining);
    if (const auto found = outvoted->find(worker.info.name()); found != outvoted->end()) {
      view.set_outvoted(found->second);
    }
    for (const auto& [lease, task] : worker.leases) {
      auto name = names->find(task);
      if (name != names->end()) view.add_tasks(name->second);
    }
  }
  return grpc::Status::OK;
}

grpc::Status FarmService::GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest*,
                                     v1::GetVersionResponse* response) {
  const absl::Status allowed = authenticator_.RequireRole(*context, Role::kClient);
  if (!allowed.ok()) return rpc::ToGrpc(allowed);
  response->set_version(CROSSMILL_VERSION);
  response->set_now(UnixNanos(clock_.Now()));
  response->set_data_folder(data_folder_);
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator
