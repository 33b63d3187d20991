// Control, as far as clients look at builds that ended: the list of them, and their progress once more.
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/rpc/status_proto.h"
#include "coordinator/buildkit/history/history_filter.h"
#include "coordinator/buildkit/history/history_trace.h"
#include "coordinator/buildkit/solve/content_service.h"
#include "coordinator/buildkit/solve/control_service.h"
#include "coordinator/buildkit/solve/farm_caller.h"
#include "coordinator/buildkit/solve/recipe_solver.h"
#include "coordinator/buildkit/solve/solve_errors.h"
#include "coordinator/buildkit/status/build_vertices.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/stop_when_cancelled.h"

namespace crossmill::coordinator::buildkit {
namespace {

// Of an exporter.
constexpr size_t kLongestNames = 4000;

void SetMoment(absl::Time time, google::protobuf::Timestamp* moment) {
  const int64_t nanos = UnixNanos(time);
  moment->set_seconds(nanos / 1'000'000'000);
  moment->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

bk::BuildHistoryEvent EventOf(const v1::KeptClientBuild& build) {
  bk::BuildHistoryEvent event;
  event.mutable_record()->ParseFromString(build.record());
  event.set_type(event.record().has_completedat() ? bk::COMPLETE : bk::STARTED);
  return event;
}

// The console of an execution, as the watch of a build tells it.
void ReplayLog(const FarmCaller& farm, const v1::BuildEvent::StepChanged& changed, BuildVertices* vertices) {
  grpc::ClientContext context;
  farm.Prepare(&context);
  v1::ReadLogRequest request;
  request.set_execution(changed.step().execution());
  const auto reader = farm.builds().ReadLog(&context, request);
  v1::ReadLogResponse response;
  v1::WatchedLog log;
  log.set_execution(changed.step().execution());
  log.set_stage(changed.stage());
  while (reader->Read(&response)) {
    *log.mutable_chunk() = std::move(*response.mutable_chunk());
    log.mutable_chunk()->set_step_number(changed.step().number());
    vertices->OnLog(log);
    log.set_offset(log.offset() + 1);
  }
  // A console that a policy has removed is left out.
  reader->Finish();
}

absl::Status ReplayBuild(const FarmCaller& farm, int64_t build, StatusBoard* board,
                         const std::stop_token& stop) {
  grpc::ClientContext context;
  farm.Prepare(&context);
  const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
  v1::WatchBuildRequest request;
  request.set_build_id(build);
  const auto reader = farm.builds().WatchBuild(&context, request);
  v1::WatchBuildResponse response;
  BuildVertices vertices(*board, build);
  while (reader->Read(&response)) {
    if (!response.has_event()) continue;
    const v1::BuildEvent& event = response.event();
    const bool ran = event.has_step_changed() && event.step_changed().replica() == 0 &&
                     (event.step_changed().step().status() == v1::STEP_STATUS_EXECUTED ||
                      event.step_changed().step().status() == v1::STEP_STATUS_FAILED);
    // Before its end, as it was.
    if (ran && event.step_changed().step().execution() != 0) ReplayLog(farm, event.step_changed(), &vertices);
    vertices.OnEvent(event);
  }
  return rpc::FromGrpc(reader->Finish());
}

}  // namespace

void SendCurrentTime(Clock& clock, grpc::ServerContext* context) {
  context->AddInitialMetadata("buildkit-current-timestamp",
                              absl::FormatTime(absl::RFC3339_full, clock.Now(), absl::UTCTimeZone()));
}

v1::KeptClientBuild KeptOf(ClientBuild& build, absl::Time now, const grpc::Status* status,
                           const bk::SolveResponse& response) {
  const bk::SolveRequest& request = build.request();
  bk::BuildHistoryRecord record;
  record.set_ref(request.ref());
  record.set_frontend(request.frontend().empty() ? "dockerfile.v0" : request.frontend());
  const std::map<std::string, std::string> given(request.frontendattrs().begin(),
                                                 request.frontendattrs().end());
  for (const auto& [key, value] : ShownAttributes(given)) (*record.mutable_frontendattrs())[key] = value;
  for (const ExporterRequest& exporter : ExportersOf(request)) {
    bk::Exporter& kept = *record.add_exporters();
    kept.set_type(exporter.type);
    if (const auto name = exporter.attributes.find("name"); name != exporter.attributes.end())
      (*kept.mutable_attrs())["name"] = std::string(CutBetweenCharacters(name->second, kLongestNames));
  }
  SetMoment(build.began(), record.mutable_createdat());
  const ClientBuild::Outcome outcome = build.outcome();
  record.set_numtotalsteps(outcome.total_steps);
  record.set_numcachedsteps(outcome.cached_steps);
  record.set_numcompletedsteps(outcome.completed_steps);
  if (status != nullptr) {
    SetMoment(now, record.mutable_completedat());
    *record.mutable_exporterresponse() = response.exporterresponse();
    if (!status->ok()) {
      record.mutable_error()->set_code(status->error_code());
      record.mutable_error()->set_message(status->error_message());
    }
  }
  v1::KeptClientBuild kept;
  kept.set_record(record.SerializeAsString());
  kept.set_caller(build.caller().key);
  kept.set_project(build.caller().roles.project);
  for (const int64_t number : outcome.builds) kept.add_builds(number);
  return kept;
}

absl::Status ControlService::Replay(const CallerIdentity& caller, const std::string& reference,
                                    std::stop_token stop, grpc::ServerWriter<bk::StatusResponse>* writer) {
  ASSIGN_OR_RETURN(const v1::KeptClientBuild kept, history_.Find(ScopeOf(caller.roles), reference));
  const FarmCaller farm(services_.farm, services_.authenticator.Lend(caller.roles));
  StatusBoard board(services_.clock);
  for (const int64_t build : kept.builds()) RETURN_IF_ERROR(ReplayBuild(farm, build, &board, stop));
  board.Close(kCancelledText);
  size_t place = 0;
  bk::StatusResponse response;
  while (board.Next(&place, &response, stop)) {
    if (!writer->Write(response)) break;
  }
  return absl::OkStatus();
}

grpc::Status ControlService::ListenBuildHistory(grpc::ServerContext* context,
                                                const bk::BuildHistoryRequest* request,
                                                grpc::ServerWriter<bk::BuildHistoryEvent>* writer) {
  const auto caller = services_.admit(*context, v1::ACCESS_READ);
  if (!caller.ok()) return ToClient(caller.status());
  SendCurrentTime(services_.clock, context);
  writer->SendInitialMetadata();
  const core::Scope scope = ScopeOf(caller->roles);
  const auto filter =
      HistoryFilter::Parse({request->filter().begin(), request->filter().end()}, services_.clock.Now());
  if (!filter.ok()) return ToClient(filter.status());
  int64_t place = history_.place();
  std::vector<v1::KeptClientBuild> builds = history_.List(scope, request->activeonly(), request->ref());
  std::erase_if(builds,
                [&](const v1::KeptClientBuild& each) { return !filter->Matches(EventOf(each).record()); });
  // The newest ones.
  const auto limit = static_cast<size_t>(std::max(request->limit(), 0));
  if (limit > 0 && builds.size() > limit) builds.erase(builds.begin(), builds.end() - request->limit());
  for (const v1::KeptClientBuild& build : builds) {
    if (!writer->Write(EventOf(build))) return grpc::Status::OK;
  }
  const StopWhenCancelled gone(context);
  while (!request->earlyexit() && !gone.token().stop_requested()) {
    for (const v1::KeptClientBuild& build : history_.Next(&place, gone.token())) {
      const bk::BuildHistoryEvent event = EventOf(build);
      if (!scope.Sees(build.project())) continue;
      if (!request->ref().empty() && event.record().ref() != request->ref()) continue;
      if (!filter->Matches(event.record())) continue;
      if (!writer->Write(event)) return grpc::Status::OK;
    }
  }
  return grpc::Status::OK;
}

absl::Status ControlService::Pin(const CallerIdentity& caller, const v1::KeptClientBuild& build,
                                 bool pinned) {
  const FarmCaller farm(services_.farm, services_.authenticator.Lend(caller.roles));
  for (const int64_t number : build.builds()) {
    grpc::ClientContext call;
    farm.Prepare(&call);
    v1::PinBuildRequest pin;
    pin.set_build_id(number);
    v1::UnpinBuildRequest unpin;
    unpin.set_build_id(number);
    v1::PinBuildResponse done;
    v1::UnpinBuildResponse undone;
    const grpc::Status status = pinned ? farm.retention().PinBuild(&call, pin, &done)
                                       : farm.retention().UnpinBuild(&call, unpin, &undone);
    RETURN_IF_ERROR(rpc::FromGrpc(status));
  }
  return absl::OkStatus();
}

absl::Status ControlService::MakeTrace(const core::Scope& scope, const std::string& reference,
                                       const v1::KeptClientBuild& build) {
  const std::string text = TraceOf(services_, build);
  // A question about the Dockerfile is no build of the farm's, and one that runs has no end yet.
  if (text.empty()) return absl::OkStatus();
  bk::Descriptor trace;
  trace.set_media_type(kTraceType);
  trace.set_digest(DigestOf(text).Oci());
  trace.set_size(static_cast<int64_t>(text.size()));
  return history_.SetTrace(scope, reference, trace);
}

grpc::Status ControlService::UpdateBuildHistory(grpc::ServerContext* context,
                                                const bk::UpdateBuildHistoryRequest* request,
                                                bk::UpdateBuildHistoryResponse*) {
  // Who may read a build may have its trace made.
  const auto caller = services_.admit(*context, request->finalize() ? v1::ACCESS_READ : v1::ACCESS_SUBMIT);
  if (!caller.ok()) return ToClient(caller.status());
  const core::Scope scope = ScopeOf(caller->roles);
  const auto build = history_.Find(scope, request->ref());
  if (!build.ok()) return ToClient(build.status());
  if (request->finalize()) return ToClient(MakeTrace(scope, request->ref(), *build));
  const bool own = build->caller() == caller->key || caller->roles.Operates();
  if (!own)
    return ToClient(
        absl::PermissionDeniedError("the build is somebody else's: ask who made it, or an operator"));
  if (request->delete_()) return ToClient(history_.Delete(scope, request->ref()));
  if (const absl::Status pinned = Pin(*caller, *build, request->pinned()); !pinned.ok())
    return ToClient(pinned);
  return ToClient(history_.SetPinned(scope, request->ref(), request->pinned()));
}

}  // namespace crossmill::coordinator::buildkit
