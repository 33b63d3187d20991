#include "coordinator/buildkit/solve/control_service.h"

#include <optional>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "coordinator/buildkit/session/session_tunnel.h"
#include "coordinator/buildkit/solve/content_service.h"
#include "coordinator/buildkit/solve/recipe_solver.h"
#include "coordinator/buildkit/solve/solve_errors.h"
#include "coordinator/rpc/peers/ownership.h"
#include "coordinator/rpc/stop_when_cancelled.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr auto kStatusPatience = std::chrono::seconds(6);
// Between two messages to one reader, so that a display is not told everything one by one.
constexpr auto kStatusPause = std::chrono::milliseconds(100);

absl::Status CheckSolve(const bk::SolveRequest& request) {
  if (request.ref().empty() || request.ref().size() > 200)
    return absl::InvalidArgumentError("Ref: a reference of 1 to 200 characters names the build");
  if (!request.sourcepolicysession().empty()) {
    return absl::UnimplementedError(
        "policies that the client judges (--policy, Dockerfile.rego) are not served: leave the policy out, "
        "or "
        "give its rules by EXPERIMENTAL_BUILDKIT_SOURCE_POLICY");
  }
  return SourcePolicy::Read({request.sourcepolicy()}).status();
}

}  // namespace

grpc::Status ControlService::Session(grpc::ServerContext* context,
                                     grpc::ServerReaderWriter<bk::BytesMessage, bk::BytesMessage>* stream) {
  const auto caller = services_.admit(*context, v1::ACCESS_READ);
  if (!caller.ok()) return ToClient(caller.status());
  auto introduction = ReadIntroduction(*context, *caller);
  if (!introduction.ok()) return ToClient(introduction.status());
  GrpcByteStream<grpc::ServerContext, grpc::ServerReaderWriter<bk::BytesMessage, bk::BytesMessage>,
                 bk::BytesMessage>
      bytes(*context, *stream);
  return ToClient(services_.sessions.Serve(*std::move(introduction), bytes));
}

// ---- builds ----

grpc::Status ControlService::Solve(grpc::ServerContext* context, const bk::SolveRequest* request,
                                   bk::SolveResponse* response) {
  const auto caller = services_.admit(*context, v1::ACCESS_SUBMIT);
  if (!caller.ok()) return ToClient(caller.status());
  if (const absl::Status checked = CheckSolve(*request); !checked.ok()) return ToClient(checked);
  const auto build = std::make_shared<ClientBuild>(*caller, *request, services_.clock);
  if (const absl::Status begun = builds_.Begin(build); !begun.ok()) return ToClient(begun);
  if (!request->internal()) history_.Tell(KeptOf(*build, services_.clock.Now(), nullptr, {}));
  const StopWhenCancelled gone(context);
  const std::stop_callback cancel(gone.token(), [&build] { build->Cancel(); });
  std::optional<google::rpc::Status> returned;
  Exported exported;
  const absl::Status solved = RunSolve(build, response, &returned, &exported);
  // What the client returned ends the call as it is, with its details.
  const grpc::Status status = returned ? ToClient(*returned) : ToClient(solved);
  builds_.End(build);
  // Before the client hears of the end: it asks for the record next.
  if (!request->internal()) {
    v1::KeptClientBuild kept = KeptOf(*build, services_.clock.Now(), &status, *response);
    if (status.ok()) KeepResults(*caller, exported, &kept);
    history_.Tell(std::move(kept));
  }
  LogInfo("buildkit ref={} caller={} internal={} code={}", Printable(request->ref()),
          Printable(caller->roles.name), request->internal(), static_cast<int>(status.error_code()));
  return status;
}

absl::Status ControlService::RunSolve(const std::shared_ptr<ClientBuild>& build, bk::SolveResponse* response,
                                      std::optional<google::rpc::Status>* returned, Exported* exported) {
  const bk::SolveRequest& request = build->request();
  std::shared_ptr<ClientSession> session;
  if (!request.session().empty()) {
    ASSIGN_OR_RETURN(session, services_.sessions.Wait(request.session(), build->caller().key,
                                                      kSessionPatience, build->stop()));
  }
  std::optional<std::stop_callback<std::function<void()>>> lost;
  if (session != nullptr) lost.emplace(session->ended(), [&build] { build->Cancel(); });
  gateway::Result result;
  if (request.frontend().empty()) {
    ASSIGN_OR_RETURN(const gateway::ReturnRequest end, build->AwaitReturn());
    if (end.has_error()) {
      *returned = end.error();
      return absl::OkStatus();
    }
    result = end.result();
  } else {
    // Of clients that leave the frontend to the daemon.
    gateway::SolveRequest whole;
    whole.set_frontend(request.frontend());
    *whole.mutable_frontendopt() = request.frontendattrs();
    *whole.mutable_frontendinputs() = request.frontendinputs();
    RecipeSolver solver(services_, builds_, *build, build->stop());
    ASSIGN_OR_RETURN(result, solver.Solve(whole));
  }
  const std::shared_ptr<const FinishedBuild> finished = BuildBehind(builds_, *build, result);
  if (finished == nullptr) return absl::OkStatus();
  exported->finished = finished;
  const absl::Status sent = Export(*build, session, *finished, response, exported);
  if (!sent.ok() && build->stop().stop_requested()) return absl::CancelledError(kCancelledText);
  return sent;
}

absl::Status ControlService::Export(ClientBuild& build, const std::shared_ptr<ClientSession>& session,
                                    const FinishedBuild& finished, bk::SolveResponse* response,
                                    Exported* exported) {
  for (const ExporterRequest& exporter : ExportersOf(build.request())) {
    ASSIGN_OR_RETURN(const auto answer, RunExporter(exporter, finished.image, build.caller(), session,
                                                    services_.exports, build.board(), build.stop()));
    for (const auto& [key, value] : answer) (*response->mutable_exporterresponse())[key] = value;
    if (const auto image = answer.find("containerimage.descriptor"); image != answer.end())
      exported->images[exporter.index] = image->second;
  }
  return absl::OkStatus();
}

void ControlService::KeepResults(const CallerIdentity& caller, const Exported& exported,
                                 v1::KeptClientBuild* kept) const {
  if (exported.finished == nullptr) return;
  bk::BuildHistoryRecord record;
  record.ParseFromString(kept->record());
  AddResults(services_, caller, *exported.finished, exported.images, &record);
  kept->set_record(record.SerializeAsString());
}

// ---- what is shown ----

grpc::Status ControlService::Status(grpc::ServerContext* context, const bk::StatusRequest* request,
                                    grpc::ServerWriter<bk::StatusResponse>* writer) {
  const auto caller = services_.admit(*context, v1::ACCESS_READ);
  if (!caller.ok()) return ToClient(caller.status());
  SendCurrentTime(services_.clock, context);
  writer->SendInitialMetadata();
  const StopWhenCancelled gone(context);
  std::shared_ptr<StatusBoard> board = builds_.FindBoard(caller->key, request->ref());
  if (board == nullptr && history_.Find(ScopeOf(caller->roles), request->ref()).ok())
    return ToClient(Replay(*caller, request->ref(), gone.token(), writer));
  if (board == nullptr) {
    const auto build = builds_.Wait(caller->key, request->ref(), kStatusPatience, gone.token());
    if (!build.ok()) return ToClient(build.status());
    board = (*build)->shared_board();
  }
  size_t place = 0;
  bk::StatusResponse response;
  while (board->Next(&place, &response, gone.token())) {
    if (!writer->Write(response) || board->EndsAt(place)) break;
    std::this_thread::sleep_for(kStatusPause);
  }
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator::buildkit
