// Control, as far as clients look at the farm itself: its workers, what it keeps.
#include <algorithm>

#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "coordinator/buildkit/solve/capabilities.h"
#include "coordinator/buildkit/solve/control_service.h"
#include "coordinator/buildkit/solve/farm_caller.h"
#include "coordinator/buildkit/solve/solve_errors.h"

namespace crossmill::coordinator::buildkit {
namespace {

void AddUse(const v1::RoomUse& use, bool in_use, bk::DiskUsageResponse* response) {
  if (use.bytes() == 0) return;
  bk::UsageRecord& record = *response->add_record();
  record.set_id(use.kind());
  record.set_inuse(in_use);
  record.set_size(use.bytes());
  record.set_usagecount(use.count());
  record.set_description(use.reason());
  record.set_recordtype("regular");
}

}  // namespace

grpc::Status ControlService::Info(grpc::ServerContext* context, const bk::InfoRequest*,
                                  bk::InfoResponse* response) {
  const auto caller = services_.admit(*context, v1::ACCESS_READ);
  if (!caller.ok()) return ToClient(caller.status());
  SetVersion(response->mutable_buildkitversion());
  return grpc::Status::OK;
}

grpc::Status ControlService::ListWorkers(grpc::ServerContext* context, const bk::ListWorkersRequest*,
                                         bk::ListWorkersResponse* response) {
  const auto caller = services_.admit(*context, v1::ACCESS_READ);
  if (!caller.ok()) return ToClient(caller.status());
  const FarmCaller farm(services_.farm, services_.authenticator.Lend(caller->roles));
  grpc::ClientContext call;
  farm.Prepare(&call);
  v1::ListWorkersResponse workers;
  const grpc::Status listed = farm.farm().ListWorkers(&call, {}, &workers);
  if (!listed.ok()) return ToClient(rpc::FromGrpc(listed));
  AddWorkers(workers, services_.build_platform, response->mutable_record());
  return grpc::Status::OK;
}

grpc::Status ControlService::DiskUsage(grpc::ServerContext* context, const bk::DiskUsageRequest*,
                                       bk::DiskUsageResponse* response) {
  const auto caller = services_.admit(*context, v1::ACCESS_READ);
  if (!caller.ok()) return ToClient(caller.status());
  const FarmCaller farm(services_.farm, services_.authenticator.Lend(caller->roles));
  grpc::ClientContext call;
  farm.Prepare(&call);
  v1::GetDiskUseResponse use;
  const grpc::Status asked = farm.retention().GetDiskUse(&call, {}, &use);
  if (!asked.ok()) return ToClient(rpc::FromGrpc(asked));
  for (const v1::RoomUse& each : use.blobs()) AddUse(each, true, response);
  for (const v1::RoomUse& each : use.others()) AddUse(each, true, response);
  v1::RoomUse free;
  free.set_kind("reclaimable");
  free.set_bytes(use.reclaimable_bytes());
  free.set_reason("blobs that nothing needs");
  AddUse(free, false, response);
  return grpc::Status::OK;
}

grpc::Status ControlService::Prune(grpc::ServerContext* context, const bk::PruneRequest* request,
                                   grpc::ServerWriter<bk::UsageRecord>* writer) {
  const auto caller = services_.admit(*context, v1::ACCESS_OPERATE);
  if (!caller.ok()) return ToClient(caller.status());
  const FarmCaller farm(services_.farm, services_.authenticator.Lend(caller->roles));
  grpc::ClientContext call;
  farm.Prepare(&call);
  v1::CollectRequest collect;
  // Without --all clients mean what is not in use any more, which is all that a sweep takes here.
  collect.set_all(true);
  collect.set_unused_seconds(std::max<int64_t>(request->keepduration(), 0) / 1'000'000'000);
  v1::CollectResponse collected;
  const grpc::Status asked = farm.retention().Collect(&call, collect, &collected);
  if (!asked.ok()) return ToClient(rpc::FromGrpc(asked));
  bk::UsageRecord record;
  record.set_id("blobs");
  record.set_size(collected.bytes());
  record.set_usagecount(collected.blobs());
  record.set_description("blobs that nothing needed");
  record.set_recordtype("regular");
  writer->Write(record);
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator::buildkit
