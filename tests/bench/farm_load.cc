// A coordinator under the load of a large farm: thousands of workers that are only streams, a thousand
// builds, a storm of reconnects after the coordinator was killed, and as many step reports as it takes.
//
//   farm_load --coordinator BIN [--workers N] [--builds N] [--stages N] [--steps N]
//
// It starts the coordinator as a program of its own on a folder that goes away again, and prints what each
// part took and how much memory the coordinator has after it. What must hold is checked (no lease is lost,
// every build ends well) and is the exit code; times are only printed.
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/room/descriptors.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/remote_blob_store.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "crossmill/v1/worker_service.grpc.pb.h"
#include "tests/bench/coordinator_process.h"
#include "tests/bench/empty_layer.h"

namespace crossmill {
namespace {

std::shared_ptr<grpc::Channel> ChannelTo(const Coordinator& coordinator) {
  rpc::ChannelOptions options;
  options.address = coordinator.address();
  auto channel = rpc::MakeChannel(options);
  if (!channel.ok()) Fail(std::string(channel.status().message()));
  return *std::move(channel);
}

// One connection of one worker; it deletes itself. Thread safe.
class LoadWorker;
class Connection final : public grpc::ClientBidiReactor<v1::SynchronizeRequest, v1::SynchronizeResponse> {
 public:
  Connection(LoadWorker& worker, const std::shared_ptr<grpc::Channel>& channel)
      : worker_(worker), stub_(v1::WorkerQueue::NewStub(channel)) {
    stub_->async()->Synchronize(&context_, this);
  }
  void Start() {
    AddHold();
    StartRead(&response_);
    StartCall();
  }
  void Send(v1::SynchronizeRequest request) {
    MutexLock lock(mutex_);
    if (over_) return;
    queue_.push_back(std::move(request));
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    queue_.pop_front();
    if (!ok || over_) return;
    if (!queue_.empty()) StartWrite(&queue_.front());
  }
  void OnDone(const grpc::Status& status) override;

  LoadWorker& worker_;
  std::unique_ptr<v1::WorkerQueue::Stub> stub_;
  grpc::ClientContext context_;
  v1::SynchronizeResponse response_;
  Mutex mutex_;
  std::deque<v1::SynchronizeRequest> queue_ ABSL_GUARDED_BY(mutex_);
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
};

// What all workers share.
struct Farm {
  const Coordinator* coordinator = nullptr;
  v1::Layer layer;
  Digest file;
  // Leases are held at their first step while false.
  std::atomic<bool> run = false;
  std::atomic<int64_t> greeted = 0, held = 0, reports = 0, connections = 0;
};

// A worker with one slot. Thread safe.
class LoadWorker {
 public:
  LoadWorker(Farm& farm, int number) : farm_(farm), number_(number) {}

  void Connect() {
    auto* connection = new Connection(*this, ChannelTo(*farm_.coordinator));
    farm_.connections += 1;
    v1::SynchronizeRequest request;
    v1::WorkerInfo& info = *request.mutable_state()->mutable_info();
    info.set_name(fmt::format("load-{}", number_));
    info.set_version("load");
    info.set_host_id(fmt::format("host-{}", number_));
    info.set_host_name(info.host_id());
    info.set_slots(1);
    info.set_cpus(2);
    v1::Platform& platform = *info.add_platforms()->mutable_platform();
    platform.set_os("linux");
    platform.set_architecture("amd64");
    {
      MutexLock lock(mutex_);
      connection_ = connection;
      greeted_ = false;
      for (const auto& [lease, task] : tasks_) request.mutable_state()->add_leases(lease);
    }
    connection->Send(std::move(request));
    connection->Start();
  }

  void Hear(const v1::SynchronizeResponse& response) {
    std::vector<uint64_t> begun;
    {
      MutexLock lock(mutex_);
      if (!std::exchange(greeted_, true)) farm_.greeted += 1;
      std::set<uint64_t> desired;
      for (const v1::DesiredLease& lease : response.leases()) {
        desired.insert(lease.lease());
        if (lease.has_task() && tasks_.emplace(lease.lease(), lease.task()).second) {
          farm_.held += 1;
          begun.push_back(lease.lease());
        }
      }
      std::erase_if(tasks_, [&](const auto& task) { return !desired.contains(task.first); });
    }
    for (const uint64_t lease : begun) {
      Report(Started(lease, 0));
      if (farm_.run) Play(lease);
    }
  }

  // Plays what it holds to its end.
  void PlayHeld() {
    std::vector<uint64_t> held;
    {
      MutexLock lock(mutex_);
      for (const auto& [lease, task] : tasks_) held.push_back(lease);
    }
    for (const uint64_t lease : held) Play(lease);
  }

  std::set<uint64_t> Leases() {
    MutexLock lock(mutex_);
    std::set<uint64_t> leases;
    for (const auto& [lease, task] : tasks_) leases.insert(lease);
    return leases;
  }

  void Gone() {
    {
      MutexLock lock(mutex_);
      connection_ = nullptr;
    }
  }
  void Over() { farm_.connections -= 1; }
  void Heartbeat() {
    v1::SynchronizeRequest request;
    request.set_heartbeat(true);
    MutexLock lock(mutex_);
    if (connection_ != nullptr) connection_->Send(std::move(request));
  }

 private:
  v1::LeaseReport Started(uint64_t lease, int step) {
    v1::LeaseReport report;
    report.set_lease(lease);
    MutexLock lock(mutex_);
    const auto task = tasks_.find(lease);
    if (task != tasks_.end()) report.mutable_step_started()->set_number(task->second.steps(step).number());
    return report;
  }

  void Play(uint64_t lease) {
    v1::Task task;
    {
      MutexLock lock(mutex_);
      if (!played_.insert(lease).second || !tasks_.contains(lease)) return;
      task = tasks_.at(lease);
    }
    for (int i = 0; i < task.steps_size(); ++i) {
      if (i > 0) Report(Started(lease, i));
      v1::LeaseReport finished;
      finished.set_lease(lease);
      v1::StepResult& result = *finished.mutable_step_finished();
      result.set_number(task.steps(i).number());
      *result.mutable_layer() = farm_.layer;
      result.set_started_at(1'000'000'000);
      result.set_finished_at(2'000'000'000);
      Report(finished);
    }
    v1::LeaseReport over;
    over.set_lease(lease);
    over.mutable_task_finished()->set_outcome(v1::TASK_OUTCOME_SUCCEEDED);
    for (const v1::Export& wanted : task.exports()) {
      v1::ExportResult& exported = *over.mutable_task_finished()->add_exports();
      *exported.mutable_export_() = wanted;
      ToProto(farm_.file, exported.mutable_blob());
      exported.mutable_paths()->add_trees(wanted.pattern().substr(1));
    }
    Report(over);
  }

  void Report(const v1::LeaseReport& report) {
    v1::SynchronizeRequest request;
    *request.mutable_report() = report;
    MutexLock lock(mutex_);
    if (connection_ == nullptr) return;
    farm_.reports += 1;
    connection_->Send(std::move(request));
  }

  Farm& farm_;
  const int number_;
  Mutex mutex_;
  Connection* connection_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool greeted_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<uint64_t, v1::Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::set<uint64_t> played_ ABSL_GUARDED_BY(mutex_);
};

void Connection::OnReadDone(bool ok) {
  if (ok) {
    worker_.Hear(response_);
    StartRead(&response_);
    return;
  }
  {
    MutexLock lock(mutex_);
    over_ = true;
  }
  worker_.Gone();
  // After the last Send.
  RemoveHold();
}

void Connection::OnDone(const grpc::Status&) {
  LoadWorker& worker = worker_;
  delete this;
  worker.Over();
}

// A recipe of `stages` independent stages and one that takes a file of each; every step is another than all
// others.
std::string Recipe(int build, int stages, int steps) {
  std::string text, last = "FROM scratch\n";
  for (int stage = 0; stage < stages; ++stage) {
    text += fmt::format("FROM scratch AS s{}\n", stage);
    for (int step = 0; step < steps; ++step) text += fmt::format("RUN work {} {} {}\n", build, stage, step);
    last += fmt::format("COPY --from=s{} /file /{}-{}\n", stage, build, stage);
  }
  return text + last;
}

struct Options {
  std::string coordinator;
  int workers = 10'000, builds = 1'000, stages = 1, steps = 10;
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), coordinator_(options.coordinator, folder_.path()) {}

  void Run() {
    coordinator_.Start();
    Greet();
    KeepCallbacks();
    Tell("an idle coordinator", 0);
    farm_.coordinator = &coordinator_;
    ConnectAll();
    std::jthread heart([this](std::stop_token stop) { Beat(stop); });
    auto blobs = rpc::MakeRemoteBlobStore(ChannelTo(coordinator_), folder_.path());
    farm_.layer = PutEmptyLayer(*blobs);
    const auto file = blobs->PutBytes("an export");
    if (!file.ok()) Fail(std::string(file.status().message()));
    farm_.file = *file;
    SubmitAll();
    Storm();
    Work();
    coordinator_.End(SIGTERM);
    WaitUntil("the end of the connections", 60, [&] { return farm_.connections == 0; });
  }

 private:
  void Greet() {
    WaitUntil("the coordinator", 60, [&] {
      // A new one each time: an old one waits before it tries again.
      builds_ = v1::Builds::NewStub(ChannelTo(coordinator_));
      grpc::ClientContext context;
      v1::ListBuildsResponse response;
      return builds_->ListBuilds(&context, {}, &response).ok();
    });
  }

  // gRPC 1.51 frees its queue of callbacks twice when the last channel goes that had some, and others come
  // after it; so one stays.
  void KeepCallbacks() {
    keeper_ = ChannelTo(coordinator_);
    grpc::ClientContext context;
    v1::ListBuildsRequest request;
    v1::ListBuildsResponse response;
    std::promise<void> answered;
    v1::Builds::NewStub(keeper_)->async()->ListBuilds(&context, &request, &response,
                                                      [&](const grpc::Status&) { answered.set_value(); });
    answered.get_future().wait();
  }

  void Tell(const std::string& what, double seconds) {
    fmt::print("{:<58} {:>7.2f} s  {:>6.1f} MiB  {:>4} threads  {:>7.1f} s CPU\n", what, seconds,
               static_cast<double>(coordinator_.Memory()) / (1 << 20), coordinator_.Threads(),
               coordinator_.CpuSeconds());
    fflush(stdout);
  }

  void ConnectAll() {
    const int64_t before = coordinator_.Memory();
    const auto start = SteadyClock::now();
    for (int i = 0; i < options_.workers; ++i) workers_.push_back(std::make_unique<LoadWorker>(farm_, i));
    ConnectEach();
    WaitUntil("the workers", 120, [&] { return farm_.greeted == options_.workers; });
    Tell(fmt::format("{} workers are connected", options_.workers), Since(start));
    fmt::print("  {:.1f} KiB per worker\n",
               static_cast<double>(coordinator_.Memory() - before) / 1024 / options_.workers);
  }

  // By several threads, so that it is not this program that takes the time.
  void ConnectEach() {
    std::atomic<size_t> next = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (size_t worker = next++; worker < workers_.size(); worker = next++) workers_[worker]->Connect();
      });
    }
  }

  void Beat(const std::stop_token& stop) {
    int rounds = 0;
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      if (++rounds % 100 != 0) continue;
      for (const auto& worker : workers_) worker->Heartbeat();
    }
  }

  void SubmitAll() {
    const int64_t before = coordinator_.Memory();
    const auto start = SteadyClock::now();
    build::bazel::remote::execution::v2::Directory root;
    root.mutable_node_properties()->mutable_unix_mode()->set_value(0755);
    auto blobs = rpc::MakeRemoteBlobStore(ChannelTo(coordinator_), folder_.path());
    const auto digest = blobs->PutBytes(root.SerializeAsString());
    if (!digest.ok()) Fail(std::string(digest.status().message()));
    std::atomic<int> next = 0;
    std::vector<std::jthread> clients;
    for (int i = 0; i < 16; ++i) {
      clients.emplace_back([&] {
        for (int build = next++; build < options_.builds; build = next++) Submit(build, *digest);
      });
    }
    clients.clear();
    const double submitted = Since(start);
    const int64_t tasks = int64_t{options_.builds} * options_.stages;
    const int64_t held = std::min<int64_t>(tasks, options_.workers);
    WaitUntil("the leases", 300, [&] { return farm_.held == held; });
    Tell(fmt::format("{} builds of {} tasks run ({:.2f} s until submitted)", options_.builds, options_.stages,
                     submitted),
         Since(start));
    fmt::print("  {:.1f} KiB per build\n",
               static_cast<double>(coordinator_.Memory() - before) / 1024 / options_.builds);
  }

  void Submit(int build, const Digest& root) {
    v1::SubmitBuildRequest request;
    v1::Recipe& recipe = *request.mutable_submission()->mutable_recipe();
    recipe.set_dockerfile(Recipe(build, options_.stages, options_.steps));
    recipe.set_dockerfile_name("Dockerfile");
    ToProto(root, recipe.mutable_context_root());
    v1::BuildOptions& wanted = *request.mutable_submission()->mutable_options();
    v1::Platform& platform = *wanted.add_platforms();
    platform.set_os("linux");
    platform.set_architecture("amd64");
    wanted.set_network(v1::NETWORK_MODE_NONE);
    grpc::ClientContext context;
    v1::SubmitBuildResponse response;
    const grpc::Status status = builds_->SubmitBuild(&context, request, &response);
    if (!status.ok()) Fail(status.error_message());
    MutexLock lock(mutex_);
    unfinished_.insert(response.build_id());
  }

  // The coordinator is killed; all workers come back as soon as it listens.
  void Storm() {
    std::vector<std::set<uint64_t>> leases;
    for (const auto& worker : workers_) leases.push_back(worker->Leases());
    coordinator_.End(SIGKILL);
    WaitUntil("the end of the connections", 60, [&] { return farm_.connections == 0; });
    farm_.greeted = 0;
    const auto start = SteadyClock::now();
    coordinator_.Start();
    Greet();
    const double up = Since(start);
    ConnectEach();
    WaitUntil("the workers", 300, [&] { return farm_.greeted == options_.workers; });
    Tell(fmt::format("after a kill: {} workers are back ({:.2f} s until it answers)", options_.workers, up),
         Since(start));
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (workers_[i]->Leases() != leases[i]) Fail(fmt::format("worker {} lost its lease", i));
    }
  }

  void Work() {
    const auto start = SteadyClock::now();
    const double cpu = coordinator_.CpuSeconds();
    const int64_t before = farm_.reports;
    farm_.run = true;
    std::atomic<bool> done = false;
    std::vector<double> lists;
    std::jthread reader([&] {
      while (!done) {
        const auto asked = SteadyClock::now();
        grpc::ClientContext context;
        v1::ListBuildsRequest request;
        request.set_page_size(50);
        v1::ListBuildsResponse response;
        if (builds_->ListBuilds(&context, request, &response).ok()) lists.push_back(Since(asked));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    });
    for (const auto& worker : workers_) worker->PlayHeld();
    while (!unfinished_.empty()) {
      AwaitOne(*unfinished_.begin());
      if (Since(start) > 1800) Fail("the builds do not end");
    }
    const double seconds = Since(start);
    done = true;
    reader.join();
    const auto reports = static_cast<double>(farm_.reports - before);
    Tell(fmt::format("{:.0f} reports of steps until every build has ended", reports), seconds);
    const int64_t tasks = int64_t{options_.builds} * (options_.stages + 1);
    fmt::print("  {:.0f} reports a second, {:.0f} us of the coordinator's processor time each\n",
               reports / seconds, (coordinator_.CpuSeconds() - cpu) / reports * 1e6);
    if (farm_.held != tasks) Fail(fmt::format("{} tasks were handed out {} times", tasks, farm_.held.load()));
    std::sort(lists.begin(), lists.end());
    if (lists.empty()) Fail("no list of builds was answered meanwhile");
    fmt::print("  a list of builds meanwhile: median {:.0f} ms, 99 of 100 under {:.0f} ms\n",
               lists[lists.size() / 2] * 1e3, lists[lists.size() * 99 / 100] * 1e3);
  }

  void AwaitOne(int64_t build) {
    grpc::ClientContext context;
    v1::GetBuildRequest request;
    request.set_build_id(build);
    v1::BuildView view;
    const grpc::Status status = builds_->GetBuild(&context, request, &view);
    if (!status.ok()) Fail(status.error_message());
    if (view.status() == v1::BUILD_STATUS_SUCCEEDED) {
      unfinished_.erase(build);
    } else if (view.status() > v1::BUILD_STATUS_SUCCEEDED) {
      Fail(fmt::format("build {} ended as {}: {}", build, v1::BuildStatus_Name(view.status()),
                       view.message()));
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  const Options options_;
  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  Coordinator coordinator_;
  Farm farm_;
  std::shared_ptr<grpc::Channel> keeper_;
  std::unique_ptr<v1::Builds::Stub> builds_;
  std::vector<std::unique_ptr<LoadWorker>> workers_;
  Mutex mutex_;
  std::set<int64_t> unfinished_;
};

}  // namespace
}  // namespace crossmill

int main(int argc, char** argv) {
  crossmill::Options options;
  CLI::App app("A coordinator under the load of a large farm");
  app.add_option("--coordinator", options.coordinator, "The program crossmill-coordinator")->required();
  app.add_option("--workers", options.workers)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--builds", options.builds)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--stages", options.stages, "Tasks of each build")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--steps", options.steps, "Steps of each task")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  // Every connection is a descriptor here and one in the coordinator.
  crossmill::RaiseDescriptorLimit();
  crossmill::Load(options).Run();
  return 0;
}
