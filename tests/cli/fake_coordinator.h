// A coordinator in this process, as far as the command line can tell: it accepts builds, plays a script
// of events, and forgets nothing it was asked.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/session/environment.h"
#include "common/base/mutex.h"
#include "common/words/words.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "tests/support/forwarding_store.h"

namespace crossmill::cli {

// Thread safe. Set it up before the first call.
class FakeCoordinator final : public v1::Builds::Service,
                              public v1::Packages::Service,
                              public v1::Images::Service,
                              public v1::Farm::Service,
                              public v1::People::Service {
 public:
  FakeCoordinator() : blobs_(MakeMemoryBlobStore()) {
    grpc::ServerBuilder builder;
    builder.RegisterService(static_cast<v1::Builds::Service*>(this));
    builder.RegisterService(static_cast<v1::Packages::Service*>(this));
    builder.RegisterService(static_cast<v1::Images::Service*>(this));
    builder.RegisterService(static_cast<v1::Farm::Service*>(this));
    builder.RegisterService(static_cast<v1::People::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~FakeCoordinator() override { server_->Shutdown(std::chrono::system_clock::now()); }

  // ---- script ----
  // Without numbers; a build that ends needs a final StatusChanged, unless it waits for a cancel.
  std::vector<v1::BuildEvent> events;
  std::vector<v1::WatchedLog> logs;
  v1::BuildView view;
  std::vector<v1::PackageRow> packages;
  std::vector<v1::PackageChange> package_changes;
  std::vector<v1::EarlierBuild> earlier_builds;
  v1::PackageHistoryResponse history;
  v1::CompiledPackagesResponse compiled;
  v1::PackageUsesResponse uses;
  std::vector<v1::FetchRow> fetches;
  std::vector<v1::FetchHostRow> fetch_hosts;
  std::map<int64_t, std::string> consoles;
  std::vector<v1::WorkerView> workers;
  std::vector<v1::ImageView> images;
  // The first watch breaks off after so many events (0: it does not).
  size_t cut_watch_after = 0;
  // The last event waits for a client that attaches.
  bool end_when_attached = false;
  v1::GetCallerResponse caller;
  grpc::Status caller_error;
  grpc::Status submit_error;
  // What GetSubmission gives.
  v1::BuildSubmission submission;
  std::vector<v1::PlanningProgress> progress;

  // ---- what happened ----
  v1::SubmitBuildRequest submitted;
  std::vector<int64_t> watched_from;
  std::vector<v1::ListBuildsRequest> lists;
  std::vector<v1::CancelBuildRequest> cancels;
  v1::PackageHistoryRequest asked_history;
  v1::CompiledPackagesRequest asked_compiled;
  v1::PackageUsesRequest asked_uses;
  // PEM, of the last certificate that was asked for.
  std::string certificate_request;

  // A client attached with this value of a secret.
  bool WasAttached(const std::string& value) {
    MutexLock lock(mutex_);
    for (const v1::AttachRequest& request : attached_) {
      for (const v1::Secret& secret : request.secrets()) {
        if (secret.value() == value) return true;
      }
    }
    return false;
  }

  BlobStore& blobs() { return *blobs_; }
  std::unique_ptr<crossmill::cli::Farm> Connect() {
    auto farm = std::make_unique<crossmill::cli::Farm>();
    const auto channel = server_->InProcessChannel({});
    farm->builds = v1::Builds::NewStub(channel);
    farm->packages = v1::Packages::NewStub(channel);
    farm->images = v1::Images::NewStub(channel);
    farm->farm = v1::Farm::NewStub(channel);
    farm->people = v1::People::NewStub(channel);
    farm->predictions = v1::Predictions::NewStub(channel);
    farm->blobs = MakeSharedView();
    return farm;
  }

  grpc::Status SubmitBuild(grpc::ServerContext*, const v1::SubmitBuildRequest* request,
                           v1::SubmitBuildResponse* response) override {
    if (!submit_error.ok()) return submit_error;
    MutexLock lock(mutex_);
    submitted = *request;
    response->set_build_id(view.id());
    return grpc::Status::OK;
  }

  grpc::Status WatchBuild(grpc::ServerContext* context, const v1::WatchBuildRequest* request,
                          grpc::ServerWriter<v1::WatchBuildResponse>* writer) override {
    size_t next = static_cast<size_t>(std::max<int64_t>(1, request->from_event())) - 1;
    bool cut = false;
    {
      MutexLock lock(mutex_);
      watched_from.push_back(request->from_event());
      cut = cut_watch_after != 0 && watched_from.size() == 1;
    }
    for (const v1::PlanningProgress& each : progress) {
      v1::WatchBuildResponse response;
      *response.mutable_progress() = each;
      if (next == 0) writer->Write(response);
    }
    for (const v1::WatchedLog& log : logs) {
      v1::WatchBuildResponse response;
      *response.mutable_log() = log;
      if (request->logs() && next == 0 && events.empty()) writer->Write(response);
    }
    while (!context->IsCancelled()) {
      v1::WatchBuildResponse response;
      {
        MutexLock lock(mutex_);
        if (next < events.size() && !(end_when_attached && next + 1 == events.size() && attached_.empty())) {
          *response.mutable_event() = events[next];
          response.mutable_event()->set_number(static_cast<int64_t>(next) + 1);
        } else {
          changed_.WaitFor(mutex_, std::chrono::milliseconds(10));
          continue;
        }
      }
      if (cut && next == cut_watch_after) return {grpc::StatusCode::UNAVAILABLE, "going down"};
      ++next;
      writer->Write(response);
      if (request->logs() && response.event().has_step_changed() &&
          response.event().step_changed().step().status() == v1::STEP_STATUS_RUNNING) {
        for (const v1::WatchedLog& log : logs) {
          v1::WatchBuildResponse item;
          *item.mutable_log() = log;
          writer->Write(item);
        }
      }
      if (IsFinished(response.event().status_changed().status())) return grpc::Status::OK;
    }
    return grpc::Status::CANCELLED;
  }

  grpc::Status GetBuild(grpc::ServerContext*, const v1::GetBuildRequest* request,
                        v1::BuildView* response) override {
    MutexLock lock(mutex_);
    if (request->build_id() != 0 && request->build_id() != view.id()) {
      return {grpc::StatusCode::NOT_FOUND, "no build " + std::to_string(request->build_id())};
    }
    *response = view;
    return grpc::Status::OK;
  }

  grpc::Status ListBuilds(grpc::ServerContext*, const v1::ListBuildsRequest* request,
                          v1::ListBuildsResponse* response) override {
    MutexLock lock(mutex_);
    lists.push_back(*request);
    // What is rare is on the second page, what there is not on none.
    if (request->filter().find("rare") != std::string::npos && request->page_token().empty()) {
      response->set_next_page_token("100001");
      return grpc::Status::OK;
    }
    if (request->filter().find("none") != std::string::npos) return grpc::Status::OK;
    *response->add_builds() = view;
    response->mutable_builds(0)->clear_stages();
    return grpc::Status::OK;
  }

  grpc::Status CancelBuild(grpc::ServerContext*, const v1::CancelBuildRequest* request,
                           v1::CancelBuildResponse*) override {
    MutexLock lock(mutex_);
    cancels.push_back(*request);
    view.set_status(request->timed_out() ? v1::BUILD_STATUS_TIMED_OUT : v1::BUILD_STATUS_CANCELLED);
    v1::BuildEvent event;
    event.mutable_status_changed()->set_status(view.status());
    events.push_back(event);
    changed_.NotifyAll();
    return grpc::Status::OK;
  }

  grpc::Status GetSubmission(grpc::ServerContext*, const v1::GetSubmissionRequest* request,
                             v1::BuildSubmission* response) override {
    if (request->build_id() != 0 && request->build_id() != view.id()) {
      return {grpc::StatusCode::NOT_FOUND, "no build " + std::to_string(request->build_id())};
    }
    *response = submission;
    return grpc::Status::OK;
  }

  grpc::Status Attach(grpc::ServerContext*,
                      grpc::ServerReaderWriter<v1::AttachResponse, v1::AttachRequest>* stream) override {
    v1::AttachRequest request;
    while (stream->Read(&request)) {
      MutexLock lock(mutex_);
      attached_.push_back(request);
    }
    return grpc::Status::OK;
  }

  grpc::Status ReadLog(grpc::ServerContext*, const v1::ReadLogRequest* request,
                       grpc::ServerWriter<v1::ReadLogResponse>* writer) override {
    v1::ReadLogResponse response;
    response.mutable_chunk()->set_data(consoles[request->execution()]);
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status ListPackages(grpc::ServerContext*, const v1::ListPackagesRequest*,
                            v1::ListPackagesResponse* response) override {
    for (const v1::PackageRow& row : packages) *response->add_rows() = row;
    for (const v1::PackageChange& change : package_changes) *response->add_changes() = change;
    for (const v1::EarlierBuild& earlier : earlier_builds) *response->add_earlier() = earlier;
    return grpc::Status::OK;
  }

  grpc::Status ListHistory(grpc::ServerContext*, const v1::PackageHistoryRequest* request,
                           v1::PackageHistoryResponse* response) override {
    asked_history = *request;
    *response = history;
    return grpc::Status::OK;
  }

  grpc::Status ListCompiled(grpc::ServerContext*, const v1::CompiledPackagesRequest* request,
                            v1::CompiledPackagesResponse* response) override {
    asked_compiled = *request;
    *response = compiled;
    return grpc::Status::OK;
  }

  grpc::Status ListUses(grpc::ServerContext*, const v1::PackageUsesRequest* request,
                        v1::PackageUsesResponse* response) override {
    asked_uses = *request;
    *response = uses;
    return grpc::Status::OK;
  }

  // Two rows a page.
  grpc::Status ListFetches(grpc::ServerContext*, const v1::ListFetchesRequest* request,
                           v1::ListFetchesResponse* response) override {
    if (request->page_token().empty()) {
      for (const v1::FetchHostRow& row : fetch_hosts) *response->add_hosts() = row;
    }
    if (request->hosts_only()) return grpc::Status::OK;
    size_t next = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    for (int i = 0; i < 2 && next < fetches.size(); ++i) *response->add_rows() = fetches[next++];
    if (next < fetches.size()) response->set_next_page_token(std::to_string(next));
    return grpc::Status::OK;
  }

  grpc::Status ImportImage(grpc::ServerContext*, const v1::ImportImageRequest* request,
                           v1::ImageView* response) override {
    response->set_name(request->name());
    response->set_digest("sha256:" + request->root().hash());
    response->set_stand_in(request->stand_in());
    MutexLock lock(mutex_);
    images.push_back(*response);
    return grpc::Status::OK;
  }

  grpc::Status ListImages(grpc::ServerContext*, const v1::ListImagesRequest*,
                          v1::ListImagesResponse* response) override {
    MutexLock lock(mutex_);
    for (const v1::ImageView& image : images) *response->add_images() = image;
    return grpc::Status::OK;
  }

  grpc::Status GetImage(grpc::ServerContext*, const v1::GetImageRequest* request,
                        v1::GetImageResponse* response) override {
    MutexLock lock(mutex_);
    if (!roots_.contains(request->name()))
      return {grpc::StatusCode::NOT_FOUND, "no image " + request->name()};
    ToProto(roots_[request->name()], response->mutable_root());
    return grpc::Status::OK;
  }
  void AddRoot(const std::string& name, const Digest& root) {
    MutexLock lock(mutex_);
    roots_[name] = root;
  }

  grpc::Status ListWorkers(grpc::ServerContext*, const v1::ListWorkersRequest*,
                           v1::ListWorkersResponse* response) override {
    for (const v1::WorkerView& worker : workers) *response->add_workers() = worker;
    return grpc::Status::OK;
  }

  grpc::Status GetCaller(grpc::ServerContext*, const v1::GetCallerRequest*,
                         v1::GetCallerResponse* response) override {
    *response = caller;
    return caller_error;
  }

  grpc::Status IssueCertificate(grpc::ServerContext*, const v1::IssueCertificateRequest* request,
                                v1::IssueCertificateResponse* response) override {
    certificate_request = request->certificate_request();
    response->set_certificate("a certificate\n");
    response->set_authority("an authority\n");
    response->set_not_after(1'900'000'000'000'000'000);
    return caller_error;
  }

  grpc::Status GetVersion(grpc::ServerContext*, const v1::GetVersionRequest*,
                          v1::GetVersionResponse* response) override {
    response->set_version("9.9.9");
    return grpc::Status::OK;
  }

 private:
  // The farm owns its store; ours outlives it.
  std::unique_ptr<BlobStore> MakeSharedView();

  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<grpc::Server> server_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Digest> roots_;
  std::vector<v1::AttachRequest> attached_;
};

inline std::unique_ptr<BlobStore> FakeCoordinator::MakeSharedView() {
  return std::make_unique<ForwardingStore>(*blobs_);
}

}  // namespace crossmill::cli
