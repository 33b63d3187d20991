// moby.buildkit.v1.Control: a client's builds from their beginning to their end, what is shown of them, and
// the farm as clients look at it. Each method says the role that it needs by what it calls of the farm's own
// services.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "coordinator/buildkit/history/build_history.h"
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
  // What became of a build.
  struct Exported {
    std::shared_ptr<const FinishedBuild> finished;
    // By exporter: "containerimage.descriptor" of its answer.
    std::map<int, std::string> images;
  };
  // `returned`: the error that the client's end of the build came to, if it did; then nothing is exported.
  absl::Status RunSolve(const std::shared_ptr<ClientBuild>& build, bk::SolveResponse* response,
                        std::optional<google::rpc::Status>* returned, Exported* exported);
  absl::Status Export(ClientBuild& build, const std::shared_ptr<ClientSession>& session,
                      const FinishedBuild& finished, bk::SolveResponse* response, Exported* exported);
  // What a build that ended well can be asked for later, into what is kept of it.
  void KeepResults(const CallerIdentity& caller, const Exported& exported, v1::KeptClientBuild* kept) const;

  // A build that ended: what the farm's record has of it.
  absl::Status Replay(const CallerIdentity& caller, const std::string& reference, std::stop_token stop,
                      grpc::ServerWriter<bk::StatusResponse>* writer);
  absl::Status MakeTrace(const core::Scope& scope, const std::string& reference,
                         const v1::KeptClientBuild& build);
  absl::Status Pin(const CallerIdentity& caller, const v1::KeptClientBuild& build, bool pinned);

  const SolveServices& services_;
  ClientBuilds& builds_;
  BuildHistory& history_;
};

// Of the response header that tells clients what time it is here; sent at once.
void SendCurrentTime(Clock& clock, grpc::ServerContext* context);

// How many bytes of blobs a prune that names sizes leaves, where they use and the disk has free so many:
// BuildKit's own rule. Pure.
int64_t KeptByPrune(const bk::PruneRequest& request, int64_t used, int64_t free);

// What is kept of a build that runs (`status` null) or has ended so. Pure.
v1::KeptClientBuild KeptOf(ClientBuild& build, absl::Time now, const grpc::Status* status,
                           const bk::SolveResponse& response);

}  // namespace crossmill::coordinator::buildkit
