// moby.buildkit.v1.frontend.LLBBridge: the client's side of a build while its Control.Solve is open.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/solve_services.h"
#include "moby/buildkit/v1/gateway_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {

// Thread safe. The references outlive it.
class GatewayService final : public gateway::LLBBridge::Service {
 public:
  GatewayService(const SolveServices& services, ClientBuilds& builds)
      : services_(services), builds_(builds) {}

  grpc::Status Ping(grpc::ServerContext* context, const gateway::PingRequest* request,
                    gateway::PongResponse* response) override;
  grpc::Status Solve(grpc::ServerContext* context, const gateway::SolveRequest* request,
                     gateway::SolveResponse* response) override;
  grpc::Status Return(grpc::ServerContext* context, const gateway::ReturnRequest* request,
                      gateway::ReturnResponse* response) override;
  grpc::Status Evaluate(grpc::ServerContext* context, const gateway::EvaluateRequest* request,
                        gateway::EvaluateResponse* response) override;
  grpc::Status StatFile(grpc::ServerContext* context, const gateway::StatFileRequest* request,
                        gateway::StatFileResponse* response) override;
  grpc::Status ReadFile(grpc::ServerContext* context, const gateway::ReadFileRequest* request,
                        gateway::ReadFileResponse* response) override;
  grpc::Status ReadDir(grpc::ServerContext* context, const gateway::ReadDirRequest* request,
                       gateway::ReadDirResponse* response) override;
  grpc::Status Inputs(grpc::ServerContext* context, const gateway::InputsRequest* request,
                      gateway::InputsResponse* response) override;
  grpc::Status Warn(grpc::ServerContext* context, const gateway::WarnRequest* request,
                    gateway::WarnResponse* response) override;

 private:
  // The build that the call says it is of.
  absl::StatusOr<std::shared_ptr<ClientBuild>> BuildOf(grpc::ServerContext* context, v1::Access needed);
  absl::StatusOr<std::shared_ptr<ClientResult>> ResultOf(ClientBuild& build, const std::string& id);
  // A call that reads files of a result, until it is done, the client cancels it, or the build ends.
  using ReadOfResult = std::function<absl::Status(ClientBuild&, ClientResult&, const std::stop_token&)>;
  grpc::Status WithResult(grpc::ServerContext* context, const std::string& id, const ReadOfResult& read);
  absl::StatusOr<gateway::Result> SolveDefinition(ClientBuild& build, const gateway::SolveRequest& request);

  const SolveServices& services_;
  ClientBuilds& builds_;
};

}  // namespace crossmill::coordinator::buildkit
