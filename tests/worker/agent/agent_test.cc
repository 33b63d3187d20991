// The agent against a coordinator of the test's own, over a real connection.
#include "worker/agent/agent.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <cctype>
#include <deque>
#include <functional>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "crossmill/v1/worker_service.grpc.pb.h"
#include "tests/support/status_matchers.h"
#include "worker/agent/coordinator_forwarder.h"

namespace crossmill::worker {
namespace {

// Answers a worker's messages as the test says.
class ScriptedQueue final : public v1::WorkerQueue::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::SynchronizeResponse, v1::SynchronizeRequest>;
  // Returns false to end the stream.
  using Answer = std::function<bool(const v1::SynchronizeRequest&, Stream&)>;

  explicit ScriptedQueue(Answer answer) : answer_(std::move(answer)) {}
  grpc::Status Synchronize(grpc::ServerContext*, Stream* stream) override {
    v1::SynchronizeRequest request;
    while (stream->Read(&request)) {
      if (!answer_(request, *stream)) return grpc::Status(refusal_, "ended by the test");
    }
    return grpc::Status::OK;
  }
  // Answers in capital letters, and what it knows of is the agent "default" of lease 7.
  grpc::Status Forward(grpc::ServerContext*,
                       grpc::ServerReaderWriter<v1::ForwardFrame, v1::ForwardFrame>* stream) override {
    v1::ForwardFrame frame;
    if (!stream->Read(&frame) || frame.lease() != 7 || frame.ssh_id() != "default") {
      return {grpc::StatusCode::NOT_FOUND, "the build has no such agent"};
    }
    while (stream->Read(&frame) && !frame.end()) {
      for (char& c : *frame.mutable_data()) c = static_cast<char>(std::toupper(c));
      stream->Write(frame);
    }
    frame.Clear();
    frame.set_end(true);
    stream->Write(frame);
    return grpc::Status::OK;
  }
  void RefuseWith(grpc::StatusCode code) { refusal_ = code; }

 private:
  const Answer answer_;
  grpc::StatusCode refusal_ = grpc::StatusCode::UNAVAILABLE;
};

v1::SynchronizeResponse Desire(std::vector<uint64_t> leases, std::vector<uint64_t> acknowledged = {}) {
  v1::SynchronizeResponse desired;
  for (uint64_t number : leases) {
    desired.add_leases()->set_lease(number);
    desired.mutable_leases(desired.leases_size() - 1)->mutable_task()->set_name("t");
  }
  for (uint64_t number : acknowledged) desired.add_acknowledged(number);
  return desired;
}

class AgentTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    auto results = UndeliveredResults::Open(folder_->Path("spool"));
    ASSERT_OK(results);
    results_.emplace(std::move(*results));
    v1::WorkerInfo info;
    info.set_name("w1");
    info.set_slots(1);
    board_ = std::make_unique<LeaseBoard>(
        info,
        [this](const v1::Task& task, const TaskContext& context, ExecutionObserver& observer,
               const std::stop_token& stop) { return execute_(task, context, observer, stop); },
        *results_);
    options_.heartbeat = absl::Milliseconds(50);
    options_.first_wait = absl::Milliseconds(10);
    options_.longest_wait = absl::Milliseconds(50);
    options_.farewell = absl::Seconds(5);
  }

  std::unique_ptr<grpc::Server> Serve(ScriptedQueue& queue) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + folder_->Path("socket"), grpc::InsecureServerCredentials());
    builder.RegisterService(&queue);
    return builder.BuildAndStart();
  }

  absl::StatusOr<std::shared_ptr<grpc::Channel>> Channel() {
    rpc::ChannelOptions options;
    options.address = "unix:" + folder_->Path("socket");
    return rpc::MakeChannel(options);
  }

  absl::Status RunAgent() {
    const auto channel = Channel();
    RETURN_IF_ERROR(channel.status());
    return Agent(*channel, *board_, options_).Run(stop_.get_token());
  }

  std::optional<TemporaryFolder> folder_;
  std::optional<UndeliveredResults> results_;
  LeaseBoard::Execute execute_ = [](const v1::Task&, const TaskContext&, ExecutionObserver&,
                                    const std::stop_token&) {
    v1::TaskResult result;
    result.set_outcome(v1::TASK_OUTCOME_SUCCEEDED);
    return result;
  };
  std::unique_ptr<LeaseBoard> board_;
  AgentOptions options_;
  std::stop_source stop_;
};

TEST_F(AgentTest, ExecutesALeaseReportsItAndLeavesWhenDrained) {
  int heartbeats = 0;
  bool acknowledged = false;
  ScriptedQueue queue([&](const v1::SynchronizeRequest& request, ScriptedQueue::Stream& stream) {
    if (request.has_state() && !request.state().draining()) stream.Write(Desire({1}));
    if (request.report().has_task_finished()) {
      EXPECT_EQ(request.report().lease(), 1u);
      acknowledged = true;
      stream.Write(Desire({}, {1}));
    }
    if (request.heartbeat() && ++heartbeats == 3) stop_.request_stop();
    return true;
  });
  const auto server = Serve(queue);
  ASSERT_NE(server, nullptr);
  EXPECT_OK(RunAgent());
  EXPECT_TRUE(acknowledged);
  EXPECT_TRUE(board_->Idle());
  server->Shutdown(std::chrono::system_clock::now());
}

TEST_F(AgentTest, LostConnectionIsMadeAnewAndTheResultDeliveredThen) {
  int connections = 0;
  ScriptedQueue queue([&](const v1::SynchronizeRequest& request, ScriptedQueue::Stream& stream) {
    if (request.has_state() && !request.state().draining()) {
      ++connections;
      stream.Write(Desire({1}));
      if (connections > 1) {
        EXPECT_EQ(request.state().leases_size(), 1);
      }
    }
    if (!request.report().has_task_finished()) return true;
    if (connections == 1) return false;  // Taken from the wire, but lost with the stream.
    stream.Write(Desire({}, {1}));
    stop_.request_stop();
    return true;
  });
  const auto server = Serve(queue);
  EXPECT_OK(RunAgent());
  EXPECT_EQ(connections, 2);
  EXPECT_TRUE(board_->Idle());
  server->Shutdown(std::chrono::system_clock::now());
}

TEST_F(AgentTest, RunningTaskIsCancelledWhenTheGraceIsOver) {
  options_.grace = absl::Milliseconds(100);
  execute_ = [](const v1::Task&, const TaskContext&, ExecutionObserver&, const std::stop_token& stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    v1::TaskResult result;
    result.set_outcome(v1::TASK_OUTCOME_CANCELLED);
    return result;
  };
  std::string message;
  ScriptedQueue queue([&](const v1::SynchronizeRequest& request, ScriptedQueue::Stream& stream) {
    if (request.has_state()) stream.Write(Desire({1}));
    if (request.heartbeat()) stop_.request_stop();
    if (request.report().has_task_finished()) {
      message = request.report().task_finished().message();
      stream.Write(Desire({}, {1}));
    }
    return true;
  });
  const auto server = Serve(queue);
  EXPECT_OK(RunAgent());
  EXPECT_EQ(message, "the worker was shut down");
  server->Shutdown(std::chrono::system_clock::now());
}

TEST_F(AgentTest, RefusedWorkerEndsWithTheReason) {
  ScriptedQueue queue([](const v1::SynchronizeRequest&, ScriptedQueue::Stream&) { return false; });
  queue.RefuseWith(grpc::StatusCode::UNAUTHENTICATED);
  const auto server = Serve(queue);
  const absl::Status status = RunAgent();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  server->Shutdown(std::chrono::system_clock::now());
}

TEST_F(AgentTest, StopsWithoutACoordinator) {
  const std::jthread stopper([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop_.request_stop();
  });
  EXPECT_OK(RunAgent());
}

TEST_F(AgentTest, SecretsReachTheExecutionBesideItsTask) {
  std::string seen;
  execute_ = [&](const v1::Task&, const TaskContext& context, ExecutionObserver&, const std::stop_token&) {
    EXPECT_EQ(context.lease, 1u);
    if (context.secrets != nullptr && context.secrets->Find("token") != nullptr) {
      seen = *context.secrets->Find("token");
    }
    v1::TaskResult result;
    result.set_outcome(v1::TASK_OUTCOME_SUCCEEDED);
    return result;
  };
  ScriptedQueue queue([&](const v1::SynchronizeRequest& request, ScriptedQueue::Stream& stream) {
    if (request.has_state() && !request.state().draining()) {
      v1::SynchronizeResponse desired = Desire({1});
      v1::Secret& secret = *desired.mutable_leases(0)->add_secrets();
      secret.set_id("token");
      secret.set_value("value");
      stream.Write(desired);
    }
    if (request.report().has_task_finished()) {
      stream.Write(Desire({}, {1}));
      stop_.request_stop();
    }
    return true;
  });
  const auto server = Serve(queue);
  ASSERT_NE(server, nullptr);
  EXPECT_OK(RunAgent());
  EXPECT_EQ(seen, "value");
}

TEST_F(AgentTest, SshConnectionsAreStreamsToTheCoordinator) {
  ScriptedQueue queue([](const v1::SynchronizeRequest&, ScriptedQueue::Stream&) { return false; });
  const auto server = Serve(queue);
  ASSERT_NE(server, nullptr);
  const auto channel = Channel();
  ASSERT_OK(channel);
  CoordinatorForwarder forwarder(*channel);
  EXPECT_TRUE(*forwarder.Has(7, "default"));
  EXPECT_FALSE(*forwarder.Has(7, "other"));
  EXPECT_FALSE(*forwarder.Has(8, "default"));

  const auto stream = forwarder.Open(7, "default");
  ASSERT_OK(stream);
  ASSERT_OK((*stream)->Write("hello"));
  char buffer[3];
  ASSERT_EQ(*(*stream)->Read(buffer, 3), 3u);
  EXPECT_EQ(std::string(buffer, 3), "HEL");
  ASSERT_EQ(*(*stream)->Read(buffer, 3), 2u);
  EXPECT_EQ(std::string(buffer, 2), "LO");
  ASSERT_OK((*stream)->CloseWrite());
  EXPECT_EQ(*(*stream)->Read(buffer, 3), 0u);

  const auto broken = forwarder.Open(7, "default");
  ASSERT_OK(broken);
  (*broken)->Cancel();
  EXPECT_FALSE((*broken)->Read(buffer, 3).ok());
}

}  // namespace
}  // namespace crossmill::worker
