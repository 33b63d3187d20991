#include "coordinator/buildkit/solve/gateway_service.h"

#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/base/utf8.h"
#include "common/rpc/status_proto.h"
#include "coordinator/buildkit/solve/capabilities.h"
#include "coordinator/buildkit/solve/farm_caller.h"
#include "coordinator/buildkit/solve/recipe_solver.h"
#include "coordinator/buildkit/solve/solve_errors.h"
#include "coordinator/buildkit/solve/sources/source_files.h"
#include "coordinator/rpc/stop_when_cancelled.h"

namespace crossmill::coordinator::buildkit {
namespace {

// Clients wait 15 s for the first answer.
constexpr auto kBuildPatience = std::chrono::seconds(10);
// Of a file that a client reads.
constexpr int64_t kMostFile = int64_t{15} << 20;

std::string MetadataOf(const grpc::ServerContext& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  return found == context.client_metadata().end() ? ""
                                                  : std::string(found->second.data(), found->second.size());
}

}  // namespace

absl::StatusOr<std::shared_ptr<ClientBuild>> GatewayService::BuildOf(grpc::ServerContext* context,
                                                                     v1::Access needed) {
  ASSIGN_OR_RETURN(const CallerIdentity caller, services_.admit(*context, needed));
  const std::string reference = MetadataOf(*context, "buildkit-controlapi-buildid");
  if (reference.empty())
    return absl::InvalidArgumentError(
        "the call does not say of which build it is (buildkit-controlapi-buildid)");
  const StopWhenCancelled gone(context);
  return builds_.Wait(caller.key, reference, kBuildPatience, gone.token());
}

absl::StatusOr<std::shared_ptr<ClientResult>> GatewayService::ResultOf(ClientBuild& build,
                                                                       const std::string& id) {
  std::shared_ptr<ClientResult> found = builds_.FindResult(build.caller().key, id);
  if (found == nullptr) return absl::NotFoundError(fmt::format("no such result {}", Printable(id)));
  return found;
}

grpc::Status GatewayService::Ping(grpc::ServerContext* context, const gateway::PingRequest*,
                                  gateway::PongResponse* response) {
  const auto build = BuildOf(context, v1::ACCESS_SUBMIT);
  if (!build.ok()) return ToClient(build.status());
  AddCapabilities(response);
  const FarmCaller farm(services_.farm, services_.authenticator.Lend((*build)->caller().roles));
  grpc::ClientContext call;
  farm.Prepare(&call);
  v1::ListWorkersResponse workers;
  const grpc::Status listed = farm.farm().ListWorkers(&call, {}, &workers);
  if (!listed.ok()) return ToClient(rpc::FromGrpc(listed));
  AddWorkers(workers, services_.build_platform, response->mutable_workers());
  return grpc::Status::OK;
}

grpc::Status GatewayService::Solve(grpc::ServerContext* context, const gateway::SolveRequest* request,
                                   gateway::SolveResponse* response) {
  const auto build = BuildOf(context, v1::ACCESS_SUBMIT);
  if (!build.ok()) return ToClient(build.status());
  const StopWhenCancelled gone(context);
  const StopOfEither stop(gone.token(), (*build)->stop());
  absl::StatusOr<gateway::Result> result;
  if (request->frontend().empty() && request->has_definition()) {
    result = SolveDefinition(**build, *request);
  } else {
    RecipeSolver solver(services_, builds_, **build, stop.token());
    solver.SetTrace(MetadataOf(*context, "traceparent"));
    result = solver.Solve(*request);
  }
  if (!result.ok()) return ToClient(result.status());
  *response->mutable_result() = *std::move(result);
  return grpc::Status::OK;
}

absl::StatusOr<gateway::Result> GatewayService::SolveDefinition(ClientBuild& build,
                                                                const gateway::SolveRequest& request) {
  const pb::Definition& definition = request.definition();
  gateway::Result result;
  // An empty graph is an empty result.
  if (definition.def().empty()) {
    result.mutable_ref();
    return result;
  }
  std::shared_ptr<ClientResult> kept;
  if (const auto id = IdOfToken(definition); id.has_value()) {
    ASSIGN_OR_RETURN(kept, ResultOf(build, *id));
  } else {
    kept = NewResult();
    ASSIGN_OR_RETURN(RawSource source, ReadRawSource(definition));
    ASSIGN_OR_RETURN(const SourcePolicy policy, PolicyOf(build.request(), request));
    ASSIGN_OR_RETURN(kept->source, ChooseRawSource(policy, std::move(source)));
    build.Keep(kept);
  }
  result.mutable_ref()->set_id(kept->id);
  *result.mutable_ref()->mutable_def() = definition;
  return result;
}

grpc::Status GatewayService::Return(grpc::ServerContext* context, const gateway::ReturnRequest* request,
                                    gateway::ReturnResponse*) {
  const auto build = BuildOf(context, v1::ACCESS_SUBMIT);
  if (!build.ok()) return ToClient(build.status());
  return ToClient((*build)->Return(*request));
}

grpc::Status GatewayService::Evaluate(grpc::ServerContext* context, const gateway::EvaluateRequest* request,
                                      gateway::EvaluateResponse*) {
  const auto build = BuildOf(context, v1::ACCESS_SUBMIT);
  if (!build.ok()) return ToClient(build.status());
  // Whatever was solved has been built.
  return ToClient(ResultOf(**build, request->ref()).status());
}

grpc::Status GatewayService::WithResult(grpc::ServerContext* context, const std::string& id,
                                        const ReadOfResult& read) {
  const auto build = BuildOf(context, v1::ACCESS_SUBMIT);
  if (!build.ok()) return ToClient(build.status());
  const auto result = ResultOf(**build, id);
  if (!result.ok()) return ToClient(result.status());
  const StopWhenCancelled gone(context);
  const StopOfEither stop(gone.token(), (*build)->stop());
  return ToClient(read(**build, **result, stop.token()));
}

grpc::Status GatewayService::StatFile(grpc::ServerContext* context, const gateway::StatFileRequest* request,
                                      gateway::StatFileResponse* response) {
  return WithResult(
      context, request->ref(),
      [&](ClientBuild& build, ClientResult& result, const std::stop_token& stop) -> absl::Status {
        ASSIGN_OR_RETURN(*response->mutable_stat(),
                         StatResultFile(services_, builds_, build, result, request->path(), stop));
        return absl::OkStatus();
      });
}

grpc::Status GatewayService::ReadFile(grpc::ServerContext* context, const gateway::ReadFileRequest* request,
                                      gateway::ReadFileResponse* response) {
  return WithResult(
      context, request->ref(),
      [&](ClientBuild& build, ClientResult& result, const std::stop_token& stop) -> absl::Status {
        const FileRange range{request->range().offset(), request->range().length()};
        ASSIGN_OR_RETURN(std::string text, ReadResultFile(services_, builds_, build, result,
                                                          request->filepath(), range, kMostFile, stop));
        response->set_data(std::move(text));
        return absl::OkStatus();
      });
}

grpc::Status GatewayService::ReadDir(grpc::ServerContext* context, const gateway::ReadDirRequest* request,
                                     gateway::ReadDirResponse* response) {
  return WithResult(
      context, request->ref(),
      [&](ClientBuild& build, ClientResult& result, const std::stop_token& stop) -> absl::Status {
        ASSIGN_OR_RETURN(const std::vector<gateway::FileStat> entries,
                         ListResultFolder(services_, builds_, build, result, request->dirpath(),
                                          request->includepattern(), stop));
        for (const gateway::FileStat& entry : entries) *response->add_entries() = entry;
        return absl::OkStatus();
      });
}

grpc::Status GatewayService::Inputs(grpc::ServerContext* context, const gateway::InputsRequest*,
                                    gateway::InputsResponse* response) {
  const auto build = BuildOf(context, v1::ACCESS_SUBMIT);
  if (!build.ok()) return ToClient(build.status());
  *response->mutable_definitions() = (*build)->request().frontendinputs();
  return grpc::Status::OK;
}

grpc::Status GatewayService::Warn(grpc::ServerContext* context, const gateway::WarnRequest* request,
                                  gateway::WarnResponse*) {
  const auto build = BuildOf(context, v1::ACCESS_SUBMIT);
  if (!build.ok()) return ToClient(build.status());
  bk::VertexWarning warning;
  warning.set_vertex(request->digest());
  warning.set_level(request->level());
  warning.set_short_(request->short_());
  *warning.mutable_detail() = request->detail();
  warning.set_url(request->url());
  *warning.mutable_info() = request->info();
  *warning.mutable_ranges() = request->ranges();
  (*build)->board().TellWarning(warning);
  return grpc::Status::OK;
}

}  // namespace crossmill::coordinator::buildkit
