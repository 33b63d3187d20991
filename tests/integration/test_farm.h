// A farm in one process: the real coordinator on a folder of the test's, real workers that reach it over
// gRPC with their token, and a client's stubs. Only what steps do is scripted.
#pragma once

#include <grpcpp/channel.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "coordinator/server.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "crossmill/v1/worker_service.grpc.pb.h"
#include "tests/integration/layer_folders.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill {

// What RUN steps do in place of a program, by their words. Thread safe.
//   write NAME   writes the file NAME with its name as content
//   sign NAME    the same, with the name of the worker as content
//   hold NAME    says "NAME begins", waits until Open(NAME) or the step is stopped, says "NAME ends",
//                and writes the file NAME
//   see NAME     fails unless the file NAME is there; writes the file seen
//   fail CODE    exits so
class Script {
 public:
  absl::StatusOr<worker::SandboxResult> Run(const std::string& worker, const worker::SandboxRun& run);
  void Open(const std::string& gate);
  // "WORKER: WORDS" of each step that began, in order.
  std::vector<std::string> Begun();
  // Waits for it; false after 20 s.
  bool HasBegun(const std::string& line);

 private:
  Mutex mutex_;
  CondVar changed_;
  std::set<std::string> open_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> begun_ ABSL_GUARDED_BY(mutex_);
};

// A worker as its program has it: agent, lease board, undelivered results, executor, remote blobs.
class TestWorker {
 public:
  TestWorker(Script& script, std::shared_ptr<grpc::Channel> channel, std::string name, std::string host);
  // As at SIGTERM without grace: what runs is ended and given back.
  ~TestWorker();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A worker of which the test says every word. Not thread safe.
class RawWorker {
 public:
  RawWorker(std::shared_ptr<grpc::Channel> channel, std::string name);
  ~RawWorker();
  // The whole state.
  void SendState(const std::vector<uint64_t>& leases);
  void Send(const v1::LeaseReport& report);
  // Reads until a lease with its task comes.
  std::optional<v1::DesiredLease> NextTask();
  // Reads until the lease's result is acknowledged.
  bool Acknowledged(uint64_t lease);
  // The connection breaks; nothing is said.
  void Vanish();

 private:
  const std::string name_;
  std::unique_ptr<v1::WorkerQueue::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SynchronizeRequest, v1::SynchronizeResponse>> stream_;
  bool finished_ = false;
};

// Everything one WatchBuild call gave.
struct WatchedBuild {
  std::vector<v1::BuildEvent> events;
  std::vector<v1::WatchedLog> logs;
  absl::Status status;
};

class FarmTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  void StartServer();
  // Workers stay, and find it again at the same address.
  void StopServer() { server_.reset(); }

  std::shared_ptr<grpc::Channel> UnixChannel() const;
  // With the token of a role, "client" or "worker"; "": without.
  std::shared_ptr<grpc::Channel> TcpChannel(const std::string& role) const;
  std::unique_ptr<TestWorker> NewWorker(const std::string& name, const std::string& host = "host-a");

  // Builds for linux/amd64, `files` as context.
  v1::BuildSubmission Submission(const std::string& dockerfile, const LayerFiles& files = {});
  absl::StatusOr<v1::SubmitBuildResponse> TrySubmit(const v1::BuildSubmission& submission,
                                                    const std::string& key = "");
  int64_t Submit(const v1::BuildSubmission& submission, const std::string& key = "");
  int64_t Submit(const std::string& dockerfile) { return Submit(Submission(dockerfile)); }
  v1::BuildView Get(int64_t build);
  // Until the stream ends, or `enough` says so of what came.
  WatchedBuild Watch(int64_t build, int64_t from_event, bool logs,
                     const std::function<bool(const v1::WatchBuildResponse&)>& enough = nullptr);
  // Watches to the end.
  v1::BuildView WaitForEnd(int64_t build);
  absl::Status Cancel(int64_t build);
  bool StepBecomes(int64_t build, int stage, int step, v1::StepStatus status);

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::map<std::string, std::string> tokens_;
  coordinator::ServerOptions options_;
  std::unique_ptr<coordinator::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Builds::Stub> builds_;
  // Of the coordinator, as a client reaches it.
  std::unique_ptr<BlobStore> blobs_;
  Script script_;
};

}  // namespace crossmill
