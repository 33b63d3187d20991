#include "tests/integration/test_farm.h"

#include <algorithm>
#include <sstream>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/remote_blob_store.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/token_file.h"
#include "tests/support/fake_sandbox.h"
#include "worker/agent/agent.h"
#include "worker/agent/lease_board.h"
#include "worker/task/stage_executor.h"

namespace crossmill {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

constexpr auto kCallLimit = std::chrono::seconds(60);

// Patient over a restart, but quick.
const rpc::RetryPolicy kRetry{200, absl::Milliseconds(20), absl::Milliseconds(100), nullptr};

std::shared_ptr<grpc::Channel> Channel(const std::string& address, const std::string& token) {
  auto channel = rpc::MakeChannel({address, token, "", false});
  EXPECT_OK(channel);
  return *channel;
}

v1::PlatformSupport Amd64() {
  v1::PlatformSupport support;
  support.mutable_platform()->set_os("linux");
  support.mutable_platform()->set_architecture("amd64");
  return support;
}

// One folder per level, as the command line makes it.
reapi::Directory MakeDirectory(const LayerFiles& files, BlobStore& blobs) {
  reapi::Directory directory;
  directory.mutable_node_properties()->mutable_unix_mode()->set_value(0755);
  std::map<std::string, LayerFiles> below;
  for (const auto& [path, content] : files) {
    const size_t slash = path.find('/');
    if (slash != std::string::npos) {
      below[path.substr(0, slash)][path.substr(slash + 1)] = content;
      continue;
    }
    reapi::FileNode& file = *directory.add_files();
    file.set_name(path);
    ToProto(blobs.PutBytes(content).value(), file.mutable_digest());
    file.mutable_node_properties()->mutable_unix_mode()->set_value(0644);
  }
  for (const auto& [name, inside] : below) {
    reapi::DirectoryNode& node = *directory.add_directories();
    node.set_name(name);
    ToProto(blobs.PutBytes(MakeDirectory(inside, blobs).SerializeAsString()).value(), node.mutable_digest());
  }
  return directory;
}

}  // namespace

absl::StatusOr<worker::SandboxResult> Script::Run(const std::string& worker, const worker::SandboxRun& run) {
  const std::string words = run.run.argv(run.run.argv_size() - 1);
  std::istringstream stream(words);
  std::string verb, name;
  stream >> verb >> name;
  {
    MutexLock lock(mutex_);
    begun_.push_back(worker + ": " + words);
    changed_.NotifyAll();
  }
  worker::SandboxResult result;
  std::string file = name;
  if (verb == "fail") {
    result.exit_code = std::stoi(name);
    run.on_output(v1::LogChunk::STREAM_STDERR, "failing\n");
    return result;
  }
  if (verb == "see") {
    if (!Exists(run.root + "/" + name)) result.exit_code = 1;
    file = "seen";
  }
  if (verb == "hold") {
    run.on_output(v1::LogChunk::STREAM_STDOUT, name + " begins\n");
    MutexLock lock(mutex_);
    while (!open_.contains(name) && !run.stop.stop_requested()) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(10));
    }
    result.stopped = run.stop.stop_requested();
  }
  if (verb == "hold") run.on_output(v1::LogChunk::STREAM_STDOUT, name + " ends\n");
  RETURN_IF_ERROR(WriteFileAtomic(run.root + "/" + file, verb == "sign" ? worker : name));
  return result;
}

void Script::Open(const std::string& gate) {
  MutexLock lock(mutex_);
  open_.insert(gate);
  changed_.NotifyAll();
}

std::vector<std::string> Script::Begun() {
  MutexLock lock(mutex_);
  return begun_;
}

bool Script::HasBegun(const std::string& line) {
  return Eventually([&] {
    const std::vector<std::string> begun = Begun();
    return std::find(begun.begin(), begun.end(), line) != begun.end();
  });
}

// Members in order of dependency.
class TestWorker::Impl {
 public:
  Impl(Script& script, std::shared_ptr<grpc::Channel> channel, const std::string& name,
       const std::string& host)
      : blobs_(rpc::MakeRemoteBlobStore(channel, {folder_.path(), 1 << 20, kRetry})),
        snapshotter_(folder_.path(), *blobs_),
        sandbox_([&script, name](const worker::SandboxRun& run) { return script.Run(name, run); }),
        executor_(snapshotter_, sandbox_, *blobs_, clock_, ExecutorOptions()),
        board_(
            Info(name, host),
            [this](const v1::Task& task, const worker::TaskContext& context,
                   worker::ExecutionObserver& observer,
                   const std::stop_token& stop) { return executor_.Execute(task, context, observer, stop); },
            results_),
        agent_(std::move(channel), board_, AgentOptions()),
        thread_([this] { EXPECT_OK(agent_.Run(stop_.get_token())); }) {}
  ~Impl() {
    stop_.request_stop();
    thread_.join();
  }

 private:
  static worker::ExecutorOptions ExecutorOptions() {
    worker::ExecutorOptions options;
    options.platforms = {Amd64()};
    return options;
  }
  static worker::AgentOptions AgentOptions() {
    worker::AgentOptions options;
    options.heartbeat = absl::Milliseconds(200);
    options.first_wait = absl::Milliseconds(20);
    options.longest_wait = absl::Milliseconds(200);
    options.grace = absl::ZeroDuration();
    options.farewell = absl::Seconds(2);
    return options;
  }
  static v1::WorkerInfo Info(const std::string& name, const std::string& host) {
    v1::WorkerInfo info;
    info.set_name(name);
    info.set_host_id(host);
    info.set_host_name(host);
    info.set_slots(2);
    *info.add_platforms() = Amd64();
    return info;
  }

  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  SystemClock clock_;
  std::unique_ptr<BlobStore> blobs_;
  LayerFolders snapshotter_;
  FakeSandbox sandbox_;
  worker::StageExecutor executor_;
  worker::UndeliveredResults results_ = *worker::UndeliveredResults::Open(folder_.Path("spool"));
  worker::LeaseBoard board_;
  worker::Agent agent_;
  std::stop_source stop_;
  std::jthread thread_;
};

TestWorker::TestWorker(Script& script, std::shared_ptr<grpc::Channel> channel, std::string name,
                       std::string host)
    : impl_(std::make_unique<Impl>(script, std::move(channel), name, host)) {}
TestWorker::~TestWorker() = default;

RawWorker::RawWorker(std::shared_ptr<grpc::Channel> channel, std::string name)
    : name_(std::move(name)), stub_(v1::WorkerQueue::NewStub(std::move(channel))) {
  context_.set_deadline(std::chrono::system_clock::now() + kCallLimit);
  stream_ = stub_->Synchronize(&context_);
}

RawWorker::~RawWorker() { Vanish(); }

void RawWorker::SendState(const std::vector<uint64_t>& leases) {
  v1::SynchronizeRequest request;
  v1::WorkerInfo& info = *request.mutable_state()->mutable_info();
  info.set_name(name_);
  info.set_host_id("host-raw");
  info.set_slots(1);
  *info.add_platforms() = Amd64();
  for (uint64_t lease : leases) request.mutable_state()->add_leases(lease);
  EXPECT_TRUE(stream_->Write(request));
}

void RawWorker::Send(const v1::LeaseReport& report) {
  v1::SynchronizeRequest request;
  *request.mutable_report() = report;
  EXPECT_TRUE(stream_->Write(request));
}

std::optional<v1::DesiredLease> RawWorker::NextTask() {
  v1::SynchronizeResponse desired;
  while (stream_->Read(&desired)) {
    for (const v1::DesiredLease& lease : desired.leases()) {
      if (lease.has_task()) return lease;
    }
  }
  return std::nullopt;
}

bool RawWorker::Acknowledged(uint64_t lease) {
  v1::SynchronizeResponse desired;
  while (stream_->Read(&desired)) {
    if (std::find(desired.acknowledged().begin(), desired.acknowledged().end(), lease) !=
        desired.acknowledged().end()) {
      return true;
    }
  }
  return false;
}

void RawWorker::Vanish() {
  if (finished_) return;
  finished_ = true;
  context_.TryCancel();
  (void)stream_->Finish();  // cancelled, as asked for
}

void FarmTest::SetUp() {
  options_.data_folder = folder_.Path("data");
  ASSERT_OK(MakeFolders(options_.data_folder));
  for (const char* role : {"client", "worker"}) {
    auto token = coordinator::AddToken(options_.data_folder + "/tokens", role,
                                       std::string_view(role) == "worker" ? "*" : role);
    ASSERT_OK(token);
    tokens_[role] = *token;
  }
  options_.listen.tcp_address = "127.0.0.1:0";
  options_.listen.reflection = true;
  options_.worker_timeout = absl::Seconds(3);
  StartServer();
}

void FarmTest::TearDown() {
  builds_.reset();
  blobs_.reset();
  channel_.reset();
  server_.reset();
}

void FarmTest::StartServer() {
  auto server = coordinator::Server::Start(options_);
  ASSERT_OK(server);
  server_ = *std::move(server);
  options_.listen.tcp_address = "127.0.0.1:" + std::to_string(server_->tcp_port());
  channel_ = UnixChannel();
  builds_ = v1::Builds::NewStub(channel_);
  blobs_ = rpc::MakeRemoteBlobStore(channel_, {folder_.path(), 1 << 20, kRetry});
}

std::shared_ptr<grpc::Channel> FarmTest::UnixChannel() const {
  return Channel("unix:" + server_->unix_socket(), "");
}

std::shared_ptr<grpc::Channel> FarmTest::TcpChannel(const std::string& role) const {
  const auto token = tokens_.find(role);
  return Channel(options_.listen.tcp_address, token == tokens_.end() ? "" : token->second);
}

std::unique_ptr<TestWorker> FarmTest::NewWorker(const std::string& name, const std::string& host) {
  return std::make_unique<TestWorker>(script_, TcpChannel("worker"), name, host);
}

v1::BuildSubmission FarmTest::Submission(const std::string& dockerfile, const LayerFiles& files) {
  v1::BuildSubmission submission;
  submission.mutable_recipe()->set_dockerfile(dockerfile);
  submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
  const auto root = blobs_->PutBytes(MakeDirectory(files, *blobs_).SerializeAsString());
  EXPECT_OK(root);
  ToProto(*root, submission.mutable_recipe()->mutable_context_root());
  *submission.mutable_options()->add_platforms() = Amd64().platform();
  submission.mutable_options()->set_network(v1::NETWORK_MODE_NONE);
  return submission;
}

absl::StatusOr<v1::SubmitBuildResponse> FarmTest::TrySubmit(const v1::BuildSubmission& submission,
                                                            const std::string& key) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallLimit);
  v1::SubmitBuildRequest request;
  *request.mutable_submission() = submission;
  request.set_idempotency_key(key);
  v1::SubmitBuildResponse response;
  RETURN_IF_ERROR(rpc::FromGrpc(builds_->SubmitBuild(&context, request, &response)));
  return response;
}

int64_t FarmTest::Submit(const v1::BuildSubmission& submission, const std::string& key) {
  const auto response = TrySubmit(submission, key);
  EXPECT_OK(response);
  return response.ok() ? response->build_id() : 0;
}

v1::BuildView FarmTest::Get(int64_t build) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallLimit);
  v1::GetBuildRequest request;
  request.set_build_id(build);
  v1::BuildView view;
  EXPECT_OK(rpc::FromGrpc(builds_->GetBuild(&context, request, &view)));
  return view;
}

WatchedBuild FarmTest::Watch(int64_t build, int64_t from_event, bool logs,
                             const std::function<bool(const v1::WatchBuildResponse&)>& enough) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallLimit);
  v1::WatchBuildRequest request;
  request.set_build_id(build);
  request.set_from_event(from_event);
  request.set_logs(logs);
  WatchedBuild watched;
  const auto reader = builds_->WatchBuild(&context, request);
  v1::WatchBuildResponse response;
  while (reader->Read(&response)) {
    if (response.has_event()) watched.events.push_back(response.event());
    if (response.has_log()) watched.logs.push_back(response.log());
    if (!enough || !enough(response)) continue;
    context.TryCancel();
    break;
  }
  watched.status = rpc::FromGrpc(reader->Finish());
  return watched;
}

v1::BuildView FarmTest::WaitForEnd(int64_t build) {
  EXPECT_OK(Watch(build, 1, false).status);
  return Get(build);
}

absl::Status FarmTest::Cancel(int64_t build) {
  grpc::ClientContext context;
  v1::CancelBuildRequest request;
  request.set_build_id(build);
  v1::CancelBuildResponse response;
  return rpc::FromGrpc(builds_->CancelBuild(&context, request, &response));
}

bool FarmTest::StepBecomes(int64_t build, int stage, int step, v1::StepStatus status) {
  return Eventually([&] {
    const v1::BuildView view = Get(build);
    return view.stages_size() > stage && view.stages(stage).steps(step).status() == status;
  });
}

}  // namespace crossmill
