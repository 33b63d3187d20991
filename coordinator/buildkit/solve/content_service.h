// containerd.services.content.v1.Content, as clients read with it what the history of builds names:
// predicates of statements, and documents of images that were exported. Nothing can be written.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "common/base/mutex.h"
#include "containerd/services/content/v1/content_service.grpc.pb.h"
#include "coordinator/buildkit/history/build_history.h"
#include "coordinator/buildkit/solve/client_results.h"
#include "coordinator/buildkit/solve/solve_services.h"

namespace crossmill::coordinator::buildkit {

// Thread safe. The references outlive it.
class ContentService final : public containerd::services::content::v1::Content::Service {
 public:
  ContentService(const SolveServices& services, BuildHistory& history)
      : services_(services), history_(history) {}

  grpc::Status Info(grpc::ServerContext* context,
                    const containerd::services::content::v1::InfoRequest* request,
                    containerd::services::content::v1::InfoResponse* response) override;
  grpc::Status Read(
      grpc::ServerContext* context, const containerd::services::content::v1::ReadContentRequest* request,
      grpc::ServerWriter<containerd::services::content::v1::ReadContentResponse>* writer) override;

 private:
  // NOT_FOUND: no build of those that the caller sees names it, or it is no longer there.
  absl::StatusOr<std::string> Find(const CallerIdentity& caller, const std::string& digest);
  // Documents below an image and statements in its index, by digest; empty: it is no longer whole.
  std::map<std::string, Digest> DocumentsOf(const Digest& root);

  const SolveServices& services_;
  BuildHistory& history_;
  Mutex mutex_;
  // Of images that were looked at, by the root's digest. Forgotten when there are a thousand.
  std::map<std::string, std::map<std::string, Digest>> documents_ ABSL_GUARDED_BY(mutex_);
};

// The trace of what the farm built for a client (history_trace.h), made anew from the record; empty: it has
// none, or not any more.
std::string TraceOf(const SolveServices& services, const v1::KeptClientBuild& build);

// Puts into a record what the build can be asked for later: its statements and, by exporter, the images. What
// cannot be stated is left out, and the log says why: the build has ended well.
void AddResults(const SolveServices& services, const CallerIdentity& caller, const FinishedBuild& finished,
                const std::map<int, std::string>& images, bk::BuildHistoryRecord* record);

}  // namespace crossmill::coordinator::buildkit
