// moby.buildkit.v1.Control: a client's builds from their beginning to their end, what is shown of them, and
// the farm as clients look at it. Each method says the role that it needs by what it calls of the farm's own
// services.
#pragma once

#include <optional>

#include "coordinator/buildkit/solve/build_history.h"
#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/solve_services.h"
#include "moby/buildkit/v1/control_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {

// Thread safe. The references outlive it.
class ControlService final : public bk::Control::Service {
 public:
  ControlService(const SolveServices& services, ClientBuilds& builds, BuildHistory& history)
      : services_(services), builds_(builds), history_(history) {}

  grpc::Status Info(grpc::ServerContext* context, const bk::InfoRequest* request,
                    bk::InfoResponse* response) override;
  grpc::Status ListWorkers(grpc::ServerContext* context, const bk::ListWorkersRequest* request,
                           bk::ListWorkersResponse* response) override;
  grpc::Status Session(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<bk::BytesMessage, bk::BytesMessage>* stream) override;
  grpc::Status Solve(grpc::ServerContext* context, const bk::SolveRequest* request,
                     bk::SolveResponse* response) override;
  grpc::Status Status(grpc::ServerContext* context, const bk::StatusRequest* request,
                      grpc::ServerWriter<bk::StatusResponse>* writer) override;
  grpc::Status ListenBuildHistory(grpc::ServerContext* context, const bk::BuildHistoryRequest* request,
                                  grpc::ServerWriter<bk::BuildHistoryEvent>* writer) override;
  grpc::Status UpdateBuildHistory(grpc::ServerContext* context, const bk::UpdateBuildHistoryRequest* request,
                                  bk::UpdateBuildHistoryResponse* response) override;
  grpc::Status DiskUsage(grpc::ServerContext* context, const bk::DiskUsageRequest* request,
                         bk::DiskUsageResponse* response) override;
  grpc::Status Prune(grpc::ServerContext* context, const bk::PruneRequest* request,
                     grpc::ServerWriter<bk::UsageRecord>* writer) override;

 private:
  // `returned`: the error that the client's end of the build came to, if it did; then nothing is exported.
  absl::Status RunSolve(const std::shared_ptr<ClientBuild>& build, bk::SolveResponse* response,
                        std::optional<google::rpc::Status>* returned);
  absl::Status Export(ClientBuild& build, const std::shared_ptr<ClientSession>& session,
                      const FinishedBuild& finished, bk::SolveResponse* response);

  // A build that ended: what the farm's record has of it.
  absl::Status Replay(const CallerIdentity& caller, const std::string& reference, std::stop_token stop,
                      grpc::ServerWriter<bk::StatusResponse>* writer);
  absl::Status Pin(const CallerIdentity& caller, const v1::KeptClientBuild& build, bool pinned);

  const SolveServices& services_;
  ClientBuilds& builds_;
  BuildHistory& history_;
};

// Of the response header that tells clients what time it is here; sent at once.
void SendCurrentTime(Clock& clock, grpc::ServerContext* context);

// What is kept of a build that runs (`status` null) or has ended so. Pure.
v1::KeptClientBuild KeptOf(ClientBuild& build, absl::Time now, const grpc::Status* status,
                           const bk::SolveResponse& response);

}  // namespace crossmill::coordinator::buildkit
