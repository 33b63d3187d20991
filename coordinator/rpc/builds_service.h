// crossmill.v1.Builds: submissions, watching, reading. Thin: the engine does the work.
#pragma once

#include "coordinator/engine/engine.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/streams/stream_pool.h"
#include "coordinator/storage/log_lines.h"
#include "coordinator/storage/log_store.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class BuildsService final : public v1::Builds::WithCallbackMethod_WatchBuild<
                                v1::Builds::WithCallbackMethod_ReadLog<v1::Builds::Service>> {
 public:
  BuildsService(Engine& engine, storage::LogStore& logs, Clock& clock, const Authenticator& authenticator)
      : engine_(engine), logs_(logs), lines_(logs), clock_(clock), authenticator_(authenticator) {}

  grpc::Status SubmitBuild(grpc::ServerContext* context, const v1::SubmitBuildRequest* request,
                           v1::SubmitBuildResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchBuildResponse>* WatchBuild(grpc::CallbackServerContext* context,
                                                               const v1::WatchBuildRequest* request) override;
  grpc::Status GetBuild(grpc::ServerContext* context, const v1::GetBuildRequest* request,
                        v1::BuildView* response) override;
  grpc::Status ListBuilds(grpc::ServerContext* context, const v1::ListBuildsRequest* request,
                          v1::ListBuildsResponse* response) override;
  grpc::Status CancelBuild(grpc::ServerContext* context, const v1::CancelBuildRequest* request,
                           v1::CancelBuildResponse* response) override;
  grpc::Status RetryBuild(grpc::ServerContext* context, const v1::RetryBuildRequest* request,
                          v1::SubmitBuildResponse* response) override;
  grpc::Status ListLogLines(grpc::ServerContext* context, const v1::ListLogLinesRequest* request,
                            v1::ListLogLinesResponse* response) override;
  grpc::ServerWriteReactor<v1::ReadLogResponse>* ReadLog(grpc::CallbackServerContext* context,
                                                         const v1::ReadLogRequest* request) override;
  grpc::Status ListPackages(grpc::ServerContext* context, const v1::ListPackagesRequest* request,
                            v1::ListPackagesResponse* response) override;
  grpc::Status ListFetches(grpc::ServerContext* context, const v1::ListFetchesRequest* request,
                           v1::ListFetchesResponse* response) override;
  grpc::Status GetSubmission(grpc::ServerContext* context, const v1::GetSubmissionRequest* request,
                             v1::BuildSubmission* response) override;
  grpc::Status Attach(grpc::ServerContext* context,
                      grpc::ServerReaderWriter<v1::AttachResponse, v1::AttachRequest>* stream) override;

 private:
  // The build (0: the latest) that a caller may read. NOT_FOUND: it sees none.
  absl::StatusOr<int64_t> AdmitReader(const grpc::ServerContextBase& context, int64_t build);
  // Whoever may read the console of the execution. NOT_FOUND: it sees none.
  absl::Status AdmitConsole(const grpc::ServerContextBase& context, int64_t execution);

  Engine& engine_;
  storage::LogStore& logs_;
  storage::LogLines lines_;
  Clock& clock_;
  const Authenticator& authenticator_;
  // Last: its threads use the others.
  StreamPool pool_;
};

}  // namespace crossmill::coordinator
