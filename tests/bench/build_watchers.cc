// Many watchers of one busy build, over HTTP (Server-Sent Events) and over gRPC.
//
//   build_watchers --coordinator BIN [--watchers N] [--slow N] [--stages N] [--steps N] [--rate N]
//
// Starts a coordinator, plays a worker to it that reports the steps of a build at a given rate, and watches
// the build: by nobody, by N watchers over HTTP, by N over gRPC. Some of those over HTTP take nothing until
// the build has ended. What must hold is checked and is the exit code: each watcher is told each event once
// and in order. Prints how much of a processor the coordinator took, beside the same build without watchers,
// and its memory.
#include <fcntl.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>
#include <poll.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/remote_blob_store.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "crossmill/v1/worker_service.grpc.pb.h"
#include "tests/bench/coordinator_process.h"
#include "tests/bench/door_access.h"
#include "tests/bench/empty_layer.h"

namespace crossmill {
namespace {

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  rpc::ChannelOptions options;
  options.address = address;
  auto channel = rpc::MakeChannel(options);
  if (!channel.ok()) Fail(std::string(channel.status().message()));
  return *std::move(channel);
}

v1::Platform Amd64() {
  v1::Platform platform;
  platform.set_os("linux");
  platform.set_architecture("amd64");
  return platform;
}

// A worker with a slot for every stage. It reports steps when it is told to, one of each stage after the
// other.
class PlayedWorker {
 public:
  PlayedWorker(const std::shared_ptr<grpc::Channel>& channel, int slots, v1::Layer layer, Digest file)
      : layer_(std::move(layer)),
        file_(std::move(file)),
        stub_(v1::WorkerQueue::NewStub(channel)),
        stream_(stub_->Synchronize(&context_)) {
    v1::SynchronizeRequest request;
    v1::WorkerInfo& info = *request.mutable_state()->mutable_info();
    info.set_name("played");
    info.set_host_id("host");
    info.set_host_name("host");
    info.set_slots(static_cast<uint32_t>(slots));
    info.set_cpus(64);
    *info.add_platforms()->mutable_platform() = Amd64();
    Send(request);
    reader_ = std::jthread([this] { Read(); });
  }
  ~PlayedWorker() { context_.TryCancel(); }

  size_t held() {
    MutexLock lock(mutex_);
    return tasks_.size();
  }

  // Everything that it holds and did not play, `rate` steps a second.
  void Play(double rate) {
    std::vector<std::pair<uint64_t, v1::Task>> tasks;
    {
      MutexLock lock(mutex_);
      for (const auto& task : tasks_) {
        if (played_.insert(task.first).second) tasks.push_back(task);
      }
    }
    const auto begin = SteadyClock::now();
    int steps = 0;
    for (int step = 0; true; ++step) {
      bool any = false;
      for (const auto& [lease, task] : tasks) {
        if (step >= task.steps_size()) continue;
        any = true;
        std::this_thread::sleep_until(
            begin + std::chrono::duration_cast<SteadyClock::duration>(Seconds(steps++ / rate)));
        ReportStep(lease, task.steps(step).number());
        if (step + 1 == task.steps_size()) ReportEnd(lease, task);
      }
      if (!any) return;
    }
  }

 private:
  void Read() {
    v1::SynchronizeResponse response;
    while (stream_->Read(&response)) {
      MutexLock lock(mutex_);
      std::set<uint64_t> desired;
      for (const v1::DesiredLease& lease : response.leases()) {
        desired.insert(lease.lease());
        if (lease.has_task()) tasks_.emplace(lease.lease(), lease.task());
      }
      std::erase_if(tasks_, [&](const auto& task) { return !desired.contains(task.first); });
    }
  }

  void ReportStep(uint64_t lease, uint32_t number) {
    v1::SynchronizeRequest started;
    started.mutable_report()->set_lease(lease);
    started.mutable_report()->mutable_step_started()->set_number(number);
    Send(started);
    v1::SynchronizeRequest finished;
    finished.mutable_report()->set_lease(lease);
    v1::StepResult& result = *finished.mutable_report()->mutable_step_finished();
    result.set_number(number);
    *result.mutable_layer() = layer_;
    result.set_started_at(1'000'000'000);
    result.set_finished_at(2'000'000'000);
    Send(finished);
  }
  void ReportEnd(uint64_t lease, const v1::Task& task) {
    v1::SynchronizeRequest over;
    over.mutable_report()->set_lease(lease);
    v1::TaskResult& result = *over.mutable_report()->mutable_task_finished();
    result.set_outcome(v1::TASK_OUTCOME_SUCCEEDED);
    for (const v1::Export& wanted : task.exports()) {
      v1::ExportResult& exported = *result.add_exports();
      *exported.mutable_export_() = wanted;
      ToProto(file_, exported.mutable_blob());
      exported.mutable_paths()->add_trees(wanted.pattern().substr(1));
    }
    Send(over);
  }
  void Send(const v1::SynchronizeRequest& request) {
    if (!stream_->Write(request)) Fail("the worker's stream is gone");
  }

  const v1::Layer layer_;
  const Digest file_;
  grpc::ClientContext context_;
  std::unique_ptr<v1::WorkerQueue::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SynchronizeRequest, v1::SynchronizeResponse>> stream_;
  Mutex mutex_;
  std::map<uint64_t, v1::Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::set<uint64_t> played_ ABSL_GUARDED_BY(mutex_);
  std::jthread reader_;
};

// What a watcher has been told: each event once, in order.
struct Told {
  int64_t last = 0;
  bool ended = false;

  void Event(int64_t number) {
    if (number != last + 1) Fail(fmt::format("event {} came behind {}", number, last));
    last = number;
  }
};

// One connection that is watched over HTTP. HTTP/1.0, so that the events come without frames.
class HttpWatcher {
 public:
  HttpWatcher(int port, const std::string& token, int64_t build, bool slow) : slow_(slow) {
    handle_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int small = 4096;
    // So that what is not read waits at the coordinator.
    if (slow) setsockopt(handle_, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(handle_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) Fail("cannot connect");
    const std::string request = fmt::format(
        "GET /api/v1/builds/{}/events HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\r\n",
        build, port, token);
    if (send(handle_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      Fail("cannot ask");
    fcntl(handle_, F_SETFL, fcntl(handle_, F_GETFL) | O_NONBLOCK);
  }
  ~HttpWatcher() { close(handle_); }
  HttpWatcher(const HttpWatcher&) = delete;
  HttpWatcher& operator=(const HttpWatcher&) = delete;

  int handle() const { return handle_; }
  bool slow() const { return slow_; }
  const Told& told() const { return told_; }

  // Takes what is there.
  void Take() {
    char piece[65536];
    ssize_t count = 0;
    while (!told_.ended && (count = read(handle_, piece, sizeof(piece))) > 0) {
      rest_.append(piece, static_cast<size_t>(count));
      size_t begin = 0;
      for (size_t end = 0; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1)
        Line(std::string_view(rest_).substr(begin, end - begin));
      rest_.erase(0, begin);
    }
    if (count == 0 && !told_.ended) Fail(fmt::format("a watcher was let go after event {}", told_.last));
  }

 private:
  void Line(std::string_view line) {
    if (line.starts_with("HTTP/") && line.find(" 200") == std::string_view::npos) Fail(std::string(line));
    if (line.starts_with("id: ")) told_.Event(std::stoll(std::string(line.substr(4))));
    if (line == "event: end") told_.ended = true;
  }

  const bool slow_;
  int handle_ = -1;
  std::string rest_;
  Told told_;
};

// Over HTTP, all on one thread.
class HttpWatchers {
 public:
  HttpWatchers(int port, const std::string& token, int64_t build, int watchers, int slow) {
    for (int i = 0; i < watchers; ++i)
      watchers_.push_back(std::make_unique<HttpWatcher>(port, token, build, i < slow));
    thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
  }
  // The build has ended: also the slow ones read now. How many events each was told.
  int64_t Finish() {
    hurry_ = true;
    WaitUntil("the end of the watchers", 120, [&] { return left_ == 0; });
    thread_ = std::jthread();
    for (const auto& watcher : watchers_) {
      if (watcher->told().last != watchers_[0]->told().last)
        Fail("watchers were told different numbers of events");
    }
    return watchers_[0]->told().last;
  }

 private:
  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::vector<pollfd> waits;
      std::vector<HttpWatcher*> asked;
      int left = 0;
      for (const auto& watcher : watchers_) {
        if (watcher->told().ended) continue;
        ++left;
        if (watcher->slow() && !hurry_) continue;
        waits.push_back({.fd = watcher->handle(), .events = POLLIN, .revents = 0});
        asked.push_back(watcher.get());
      }
      left_ = left;
      if (left == 0) return;
      if (poll(waits.data(), waits.size(), 100) <= 0) continue;
      for (size_t i = 0; i < waits.size(); ++i) {
        if (waits[i].revents != 0) asked[i]->Take();
      }
    }
  }

  std::vector<std::unique_ptr<HttpWatcher>> watchers_;
  std::atomic<bool> hurry_ = false;
  std::atomic<int> left_ = 1;
  std::jthread thread_;
};

// One call, and what it was told.
class GrpcWatcher final : public grpc::ClientReadReactor<v1::WatchBuildResponse> {
 public:
  GrpcWatcher(v1::Builds::Stub& stub, int64_t build) {
    request_.set_build_id(build);
    request_.set_together(true);
    stub.async()->WatchBuild(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }
  // How many events it was told, when it has ended.
  int64_t Finish() {
    const grpc::Status status = done_.get_future().get();
    if (!status.ok()) Fail(status.error_message());
    return told_.last;
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    for (const v1::BuildEvent& event : response_.events().events()) told_.Event(event.number());
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override { done_.set_value(status); }

  grpc::ClientContext context_;
  v1::WatchBuildRequest request_;
  v1::WatchBuildResponse response_;
  Told told_;
  std::promise<grpc::Status> done_;
};

struct Options {
  std::string coordinator;
  int watchers = 200, slow = 10, stages = 40, steps = 100;
  double rate = 100;
};

class Watching {
 public:
  explicit Watching(const Options& options)
      : options_(options),
        port_(FreePort()),
        coordinator_(options.coordinator, folder_.path(), {"--http", fmt::format("127.0.0.1:{}", port_)}) {}

  void Run() {
    if (mkdir(folder_.Path("data").c_str(), 0700) != 0) Fail("cannot make the data folder");
    const std::string token = MakeToken(options_.coordinator, folder_.Path("data"));
    coordinator_.Start();
    WaitUntil("the coordinator", 60, [&] {
      channel_ = ChannelTo(coordinator_.address());
      builds_ = v1::Builds::NewStub(channel_);
      grpc::ClientContext context;
      v1::ListBuildsResponse response;
      return builds_->ListBuilds(&context, {}, &response).ok();
    });
    auto blobs = rpc::MakeRemoteBlobStore(channel_, folder_.path());
    build::bazel::remote::execution::v2::Directory root;
    root.mutable_node_properties()->mutable_unix_mode()->set_value(0755);
    const auto digest = blobs->PutBytes(root.SerializeAsString());
    if (!digest.ok()) Fail(digest.status().ToString());
    root_ = *digest;
    const auto file = blobs->PutBytes("an export");
    if (!file.ok()) Fail(file.status().ToString());
    worker_ = std::make_unique<PlayedWorker>(channel_, options_.stages, PutEmptyLayer(*blobs), *file);
    fmt::print(
        "| watchers | events | a second | seconds | of one processor | for an event to a watcher | memory |\n"
        "|---|---|---|---|---|---|---|\n");
    const double alone = Round(
        "nobody", 0, [](int64_t) { return [] { return int64_t{0}; }; }, 0);
    Round(
        fmt::format("{} over HTTP, {} of them slow", options_.watchers, options_.slow), options_.watchers,
        [&](int64_t build) {
          auto watchers =
              std::make_shared<HttpWatchers>(port_, token, build, options_.watchers, options_.slow);
          return [watchers] { return watchers->Finish(); };
        },
        alone);
    Round(
        fmt::format("{} over gRPC", options_.watchers), options_.watchers,
        [&](int64_t build) {
          auto watchers = std::make_shared<std::vector<std::unique_ptr<GrpcWatcher>>>();
          for (int i = 0; i < options_.watchers; ++i)
            watchers->push_back(std::make_unique<GrpcWatcher>(*builds_, build));
          return [watchers] {
            int64_t told = 0;
            for (const auto& watcher : *watchers) told = watcher->Finish();
            return told;
          };
        },
        alone);
    worker_.reset();
    coordinator_.End(SIGTERM);
  }

 private:
  // Returns how many events each was told.
  using Finish = std::function<int64_t()>;

  // `alone`: the processor seconds of the same without watchers; 0: that is this one. Returns its own.
  double Round(const std::string& who, int watchers, const std::function<Finish(int64_t)>& watch,
               double alone) {
    const int64_t build = Submit();
    WaitUntil("the tasks", 60, [&] { return worker_->held() == static_cast<size_t>(options_.stages); });
    const Finish finish = watch(build);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    const double used = coordinator_.CpuSeconds();
    const auto begin = SteadyClock::now();
    // The last stage comes when the others are over.
    WaitUntil("the end of the build", 600, [&] {
      worker_->Play(options_.rate);
      return Status(build) > v1::BUILD_STATUS_RUNNING;
    });
    const double seconds = Since(begin);
    const double cpu = coordinator_.CpuSeconds() - used;
    if (Status(build) != v1::BUILD_STATUS_SUCCEEDED) Fail("the build did not end well");
    const int64_t memory = coordinator_.Memory();
    const int64_t told = finish();
    const int64_t events = LastEvent(build);
    if (watchers > 0 && told != events) Fail(fmt::format("{} events of {} were told", told, events));
    const std::string each =
        watchers == 0
            ? "-"
            : fmt::format("{:.0f} us", (cpu - alone) * 1e6 / static_cast<double>(events * watchers));
    fmt::print("| {} | {} | {:.0f} | {:.1f} s | {:.2f} | {} | {} MiB |\n", who, events,
               static_cast<double>(events) / seconds, seconds, cpu / seconds, each, memory >> 20);
    fflush(stdout);
    return cpu;
  }

  int64_t Submit() {
    v1::SubmitBuildRequest request;
    v1::Recipe& recipe = *request.mutable_submission()->mutable_recipe();
    std::string text;
    for (int stage = 0; stage < options_.stages; ++stage) {
      text += fmt::format("FROM scratch AS s{}\n", stage);
      for (int step = 0; step < options_.steps; ++step)
        text += fmt::format("RUN work {} {} {}\n", rounds_, stage, step);
    }
    // Every stage is part of the build.
    text += "FROM scratch\n";
    for (int stage = 0; stage < options_.stages; ++stage)
      text += fmt::format("COPY --from=s{} /file /{}-{}\n", stage, rounds_, stage);
    ++rounds_;
    recipe.set_dockerfile(text);
    recipe.set_dockerfile_name("Dockerfile");
    ToProto(root_, recipe.mutable_context_root());
    *request.mutable_submission()->mutable_options()->add_platforms() = Amd64();
    request.mutable_submission()->mutable_options()->set_network(v1::NETWORK_MODE_NONE);
    grpc::ClientContext context;
    v1::SubmitBuildResponse response;
    const grpc::Status status = builds_->SubmitBuild(&context, request, &response);
    if (!status.ok()) Fail(status.error_message());
    return response.build_id();
  }

  v1::BuildView Get(int64_t build) {
    grpc::ClientContext context;
    v1::ListBuildsRequest request;
    request.set_page_size(1);
    request.set_filter(fmt::format("build:{}", build));
    v1::ListBuildsResponse response;
    const grpc::Status status = builds_->ListBuilds(&context, request, &response);
    if (!status.ok() || response.builds_size() != 1)
      Fail("the build is not listed: " + status.error_message());
    return response.builds(0);
  }
  v1::BuildStatus Status(int64_t build) { return Get(build).status(); }
  int64_t LastEvent(int64_t build) { return Get(build).last_event(); }

  const Options options_;
  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  const int port_;
  Coordinator coordinator_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Builds::Stub> builds_;
  Digest root_;
  std::unique_ptr<PlayedWorker> worker_;
  int rounds_ = 0;
};

}  // namespace
}  // namespace crossmill

int main(int argc, char** argv) {
  crossmill::Options options;
  CLI::App app("Many watchers of one busy build");
  app.add_option("--coordinator", options.coordinator, "The program crossmill-coordinator")->required();
  app.add_option("--watchers", options.watchers)->capture_default_str()->check(CLI::Range(1, 250));
  app.add_option("--slow", options.slow, "Of those over HTTP")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--stages", options.stages)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--steps", options.steps, "Of each stage")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--rate", options.rate, "Steps a second")->capture_default_str()->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  crossmill::Watching(options).Run();
  return 0;
}
