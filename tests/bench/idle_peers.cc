// Many watchers and workers that only wait.
//
//   idle_peers --coordinator BIN [--watchers N] [--workers N] [--calls N]
//
// Starts a coordinator, submits a build that waits for a worker of another platform, and connects over TCP:
// workers that say that they are there, each by a connection of its own, and watchers of the build, so many
// calls on a connection. What must hold is checked and is the exit code: everybody gets a first answer, the
// operator is served, and when the watchers have gone new ones are served. Prints the coordinator's memory
// and threads before, with all of them, and after they have gone.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_callback.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/remote_blob_store.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "crossmill/v1/worker_service.grpc.pb.h"
#include "tests/bench/coordinator_process.h"
#include "tests/bench/door_access.h"

namespace crossmill {
namespace {

struct Options {
  std::string coordinator;
  int watchers = 10'000, workers = 2'000, calls = 1;
};

// A connection that no other channel shares.
std::shared_ptr<grpc::Channel> OwnConnection(int port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(fmt::format("127.0.0.1:{}", port), grpc::InsecureChannelCredentials(),
                                   arguments);
}

// Counts its first answer, and its end.
struct Count {
  std::atomic<int> answered = 0;
  std::atomic<int> ended = 0;
};

// A stream of answers that is counted, and nothing else.
template <typename Reactor, typename Response>
class CountedStream : public Reactor {
 public:
  void Cancel() { context_.TryCancel(); }

 protected:
  CountedStream(const std::string& token, Count& count) : count_(count) {
    context_.AddMetadata("authorization", "Bearer " + token);
  }

  grpc::ClientContext context_;
  Response response_;

 private:
  void OnReadDone(bool ok) final {
    if (!ok) return;
    if (!std::exchange(answered_, true)) ++count_.answered;
    this->StartRead(&response_);
  }
  void OnDone(const grpc::Status&) final { ++count_.ended; }

  Count& count_;
  bool answered_ = false;
};

class Watcher final
    : public CountedStream<grpc::ClientReadReactor<v1::WatchBuildResponse>, v1::WatchBuildResponse> {
 public:
  Watcher(const std::shared_ptr<grpc::Channel>& channel, const std::string& token, int64_t build,
          Count& count)
      : CountedStream(token, count), stub_(v1::Builds::NewStub(channel)) {
    request_.set_build_id(build);
    request_.set_together(true);
    request_.set_logs(true);
    stub_->async()->WatchBuild(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }

 private:
  const std::unique_ptr<v1::Builds::Stub> stub_;
  v1::WatchBuildRequest request_;
};

class Worker final
    : public CountedStream<grpc::ClientBidiReactor<v1::SynchronizeRequest, v1::SynchronizeResponse>,
                           v1::SynchronizeResponse> {
 public:
  Worker(int port, const std::string& token, int number, Count& count)
      : CountedStream(token, count), stub_(v1::WorkerQueue::NewStub(OwnConnection(port))) {
    v1::WorkerInfo& info = *request_.mutable_state()->mutable_info();
    info.set_name(fmt::format("w{}", number));
    info.set_host_id(fmt::format("host-{}", number));
    info.set_host_name("host");
    info.set_slots(1);
    info.set_cpus(4);
    v1::Platform& platform = *info.add_platforms()->mutable_platform();
    platform.set_os("linux");
    platform.set_architecture("amd64");
    stub_->async()->Synchronize(&context_, this);
    StartRead(&response_);
    StartWrite(&request_);
    StartCall();
  }

 private:
  const std::unique_ptr<v1::WorkerQueue::Stub> stub_;
  v1::SynchronizeRequest request_;
};

std::string WorkerToken(const std::string& program, const std::string& data) {
  FILE* const out = popen(fmt::format("'{}' --data '{}' token worker '*'", program, data).c_str(), "r");
  char text[200] = "";
  if (out == nullptr || fgets(text, sizeof(text), out) == nullptr || pclose(out) != 0)
    Fail("no worker's token was made");
  return std::string(text, strcspn(text, "\n"));
}

class Idle {
 public:
  explicit Idle(const Options& options)
      : options_(options),
        port_(FreePort()),
        coordinator_(options.coordinator, folder_.path(),
                     {"--listen", fmt::format("127.0.0.1:{}", port_), "--placement-grace", "86400"}) {}

  void Run() {
    const std::string data = folder_.Path("data");
    if (mkdir(data.c_str(), 0700) != 0) Fail("cannot make the data folder");
    token_ = MakeToken(options_.coordinator, data);
    const std::string worker_token = WorkerToken(options_.coordinator, data);
    coordinator_.Start();
    rpc::ChannelOptions local;
    local.address = coordinator_.address();
    channel_ = *rpc::MakeChannel(local);
    builds_ = v1::Builds::NewStub(channel_);
    WaitUntil("the coordinator", 60, [&] { return OperatorIsServed(); });
    build_ = Submit();
    Say("alone");
    for (int i = 0; i < options_.workers; ++i)
      workers_.push_back(std::make_unique<Worker>(port_, worker_token, i, of_workers_));
    WaitUntil("the workers' answers", 120, [&] { return of_workers_.answered == options_.workers; });
    Say(fmt::format("{} workers", options_.workers));
    for (int round = 0; round < 2; ++round) {
      const double used = coordinator_.CpuSeconds();
      const auto begin = SteadyClock::now();
      Watch();
      Say(fmt::format("and {} watchers, answered in {:.1f} s", options_.watchers, Since(begin)));
      if (!OperatorIsServed()) Fail("the operator is not served");
      const double answered = coordinator_.CpuSeconds();
      std::this_thread::sleep_for(std::chrono::seconds(5));
      Say(fmt::format("5 s later ({:.2f} s of a processor to answer, {:.2f} s to wait)", answered - used,
                      coordinator_.CpuSeconds() - answered));
      for (const auto& watcher : watchers_) watcher->Cancel();
      WaitUntil("the end of the watchers", 120, [&] { return of_watchers_.ended == options_.watchers; });
      watchers_.clear();
      std::this_thread::sleep_for(std::chrono::seconds(options_.watchers > 1000 ? 12 : 1));
      Say("without the watchers");
    }
    for (const auto& worker : workers_) worker->Cancel();
    WaitUntil("the end of the workers", 120, [&] { return of_workers_.ended == options_.workers; });
    coordinator_.End(SIGTERM);
  }

 private:
  void Watch() {
    of_watchers_.answered = of_watchers_.ended = 0;
    std::shared_ptr<grpc::Channel> channel;
    for (int i = 0; i < options_.watchers; ++i) {
      if (i % options_.calls == 0) channel = OwnConnection(port_);
      watchers_.push_back(std::make_unique<Watcher>(channel, token_, build_, of_watchers_));
    }
    WaitUntil("the watchers' answers", 240, [&] { return of_watchers_.answered == options_.watchers; });
  }

  bool OperatorIsServed() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::ListBuildsResponse response;
    return builds_->ListBuilds(&context, v1::ListBuildsRequest(), &response).ok();
  }

  int64_t Submit() {
    const auto blobs = rpc::MakeRemoteBlobStore(channel_, folder_.path());
    build::bazel::remote::execution::v2::Directory folder;
    folder.mutable_node_properties()->mutable_unix_mode()->set_value(0755);
    const auto root = blobs->PutBytes(folder.SerializeAsString());
    if (!root.ok()) Fail(root.status().ToString());
    v1::SubmitBuildRequest request;
    v1::Recipe& recipe = *request.mutable_submission()->mutable_recipe();
    recipe.set_dockerfile("FROM scratch\nRUN wait\n");
    recipe.set_dockerfile_name("Dockerfile");
    ToProto(*root, recipe.mutable_context_root());
    v1::Platform& platform = *request.mutable_submission()->mutable_options()->add_platforms();
    platform.set_os("linux");
    platform.set_architecture("s390x");
    request.mutable_submission()->mutable_options()->set_network(v1::NETWORK_MODE_NONE);
    grpc::ClientContext context;
    v1::SubmitBuildResponse response;
    const grpc::Status status = builds_->SubmitBuild(&context, request, &response);
    if (!status.ok()) Fail(status.error_message());
    return response.build_id();
  }

  void Say(const std::string& what) {
    fmt::print("| {} | {} MiB | {} threads |\n", what, coordinator_.Memory() >> 20, coordinator_.Threads());
    fflush(stdout);
  }

  const Options options_;
  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  const int port_;
  Coordinator coordinator_;
  std::string token_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Builds::Stub> builds_;
  int64_t build_ = 0;
  Count of_workers_, of_watchers_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
};

}  // namespace
}  // namespace crossmill

int main(int argc, char** argv) {
  crossmill::rpc::KeepGrpcRunning();
  crossmill::Options options;
  CLI::App app("Many watchers and workers that only wait");
  app.add_option("--coordinator", options.coordinator, "The program crossmill-coordinator")->required();
  app.add_option("--watchers", options.watchers)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--workers", options.workers)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--calls", options.calls, "Watchers on one connection")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  crossmill::Idle(options).Run();
  return 0;
}
