// Control, as far as clients look at the farm itself: its workers, what it keeps.
#include <algorithm>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/rpc/status_proto.h"
#include "coordinator/buildkit/history/usage_filter.h"
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

grpc::Status AskDiskUse(const FarmCaller& farm, v1::GetDiskUseResponse* use) {
  grpc::ClientContext call;
  farm.Prepare(&call);
  return farm.retention().GetDiskUse(&call, {}, use);
}

absl::Status CheckPrune(const bk::PruneRequest& request) {
  if (std::min({request.keepduration(), request.reservedspace(), request.maxusedspace(),
                request.minfreespace()}) < 0)
    return absl::InvalidArgumentError("prune: expected no negative duration or size");
  for (const std::string& filter : request.filter()) {
    if (filter.empty()) continue;
    return absl::UnimplementedError(fmt::format(
        "prune --filter {}: the farm takes what nothing needs, whatever kind it is: leave the filter out, "
        "or say --filter until=24h",
        Printable(filter)));
  }
  return absl::OkStatus();
}

}  // namespace

int64_t KeptByPrune(const bk::PruneRequest& request, int64_t used, int64_t free) {
  int64_t kept = request.maxusedspace();
  if (const int64_t lacking = request.minfreespace() - free; lacking > 0)
    kept = kept == 0 ? used - lacking : std::min(kept, used - lacking);
  // Neither of both wanted anything to go.
  if (kept == 0 && request.minfreespace() > 0) kept = used;
  return std::max({kept, request.reservedspace(), int64_t{0}});
}

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

grpc::Status ControlService::DiskUsage(grpc::ServerContext* context, const bk::DiskUsageRequest* request,
                                       bk::DiskUsageResponse* response) {
  const auto caller = services_.admit(*context, v1::ACCESS_READ);
  if (!caller.ok()) return ToClient(caller.status());
  const auto filter = UsageFilter::Parse({request->filter().begin(), request->filter().end()});
  if (!filter.ok()) return ToClient(filter.status());
  if (request->agelimit() > 0) {
    return ToClient(
        absl::UnimplementedError("du --filter until=...: the farm says how much there is of each kind, not "
                                 "of what age: leave the filter "
                                 "out (prune --filter until=... takes only what was not used for so long)"));
  }
  const FarmCaller farm(services_.farm, services_.authenticator.Lend(caller->roles));
  v1::GetDiskUseResponse use;
  const grpc::Status asked = AskDiskUse(farm, &use);
  if (!asked.ok()) return ToClient(rpc::FromGrpc(asked));
  for (const v1::RoomUse& each : use.blobs()) AddUse(each, true, response);
  for (const v1::RoomUse& each : use.others()) AddUse(each, true, response);
  v1::RoomUse free;
  free.set_kind("reclaimable");
  free.set_bytes(use.reclaimable_bytes());
  free.set_reason("blobs that nothing needs");
  AddUse(free, false, response);
  auto* records = response->mutable_record();
  records->erase(std::remove_if(records->begin(), records->end(),
                                [&](const bk::UsageRecord& each) { return !filter->Matches(each); }),
                 records->end());
  return grpc::Status::OK;
}

grpc::Status ControlService::Prune(grpc::ServerContext* context, const bk::PruneRequest* request,
                                   grpc::ServerWriter<bk::UsageRecord>* writer) {
  const auto caller = services_.admit(*context, v1::ACCESS_OPERATE);
  if (!caller.ok()) return ToClient(caller.status());
  const FarmCaller farm(services_.farm, services_.authenticator.Lend(caller->roles));
  grpc::ClientContext call;
  farm.Prepare(&call);
  if (const absl::Status known = CheckPrune(*request); !known.ok()) return ToClient(known);
  v1::CollectRequest collect;
  // Without --all clients mean what is not in use any more, which is all that a sweep takes here.
  collect.set_all(true);
  collect.set_unused_seconds(request->keepduration() / 1'000'000'000);
  if (request->reservedspace() > 0 || request->maxusedspace() > 0 || request->minfreespace() > 0) {
    v1::GetDiskUseResponse use;
    const grpc::Status looked = AskDiskUse(farm, &use);
    if (!looked.ok()) return ToClient(rpc::FromGrpc(looked));
    collect.set_keep_bytes(KeptByPrune(*request, use.blobs_bytes(), use.free_bytes()));
    // Nothing has to go.
    if (collect.keep_bytes() >= use.blobs_bytes()) return grpc::Status::OK;
  }
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
