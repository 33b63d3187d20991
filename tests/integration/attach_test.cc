// ssh agents of clients as steps see them: a real ssh-agent behind an attached client, the connection from
// the worker's end.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>

#include "cli/session/build_session.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/rpc/status_proto.h"
#include "tests/integration/test_farm.h"

namespace crossmill {
namespace {

using ::testing::HasSubstr;

// The agent protocol (draft-miller-ssh-agent): length, type, body.
std::string ListKeysRequest() { return std::string("\0\0\0\1\x0b", 5); }

// Only variables.
class Variables final : public cli::Environment {
 public:
  absl::Status Out(std::string_view) override { return absl::OkStatus(); }
  void Err(std::string_view) override {}
  absl::StatusOr<std::string> In() override { return ""; }
  absl::StatusOr<size_t> ReadIn(char*, size_t) override { return 0; }
  void ShowInput(bool) override {}
  cli::Terminal OutTerminal() override { return {}; }
  cli::Terminal ErrTerminal() override { return {}; }
  std::optional<std::string> Variable(const std::string& name) override {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  }
  Clock& clock() override { return clock_; }
  bool IsRoot() override { return false; }
  std::string ProgramFolder() override { return "/nonexistent"; }
  absl::StatusOr<ProcessResult> RunProgram(const ProcessOptions&) override {
    return absl::UnimplementedError("not here");
  }
  absl::StatusOr<std::unique_ptr<cli::Farm>> Connect(const cli::ConnectOptions&) override {
    return absl::UnimplementedError("not here");
  }
  void OnInterrupt(InterruptHandler) override {}
  void ForceExit(int) override {}

  std::map<std::string, std::string> variables;

 private:
  SystemClock clock_;
};

class AttachTest : public FarmTest {
 protected:
  void SetUp() override {
    for (const char* program : {"/usr/bin/ssh-agent", "/usr/bin/ssh-add", "/usr/bin/ssh-keygen"}) {
      if (!Exists(program)) GTEST_SKIP() << "needs " << program << " (Debian's openssh-client)";
    }
    FarmTest::SetUp();
    ProcessOptions make;
    make.argv = {"ssh-keygen",       "-q", "-t", "ed25519", "-N", "", "-C", "key-of-the-client", "-f",
                 folder_.Path("key")};
    ASSERT_EQ(RunProcess(make)->exit_code, 0);
    env_.variables["PATH"] = "/usr/bin:/bin";
  }

  // A build whose step mounts the agent `id`.
  int64_t BuildThatMounts(const std::string& id) {
    v1::BuildSubmission submission =
        Submission("FROM scratch\nRUN --mount=type=ssh,id=" + id + ",required=true write one\n");
    submission.mutable_options()->add_ssh_ids(id);
    farm_.builds = v1::Builds::NewStub(channel_);
    return Submit(submission);
  }

  void Attach(int64_t build) {
    offers_.agent_sockets = agents_->sockets();
    attachment_ = std::make_unique<cli::BuildAttachment>(
        farm_, build, offers_, [](std::string_view problem) { ADD_FAILURE() << problem; });
  }

  // One connection to the agent from a step under the lease: what is said, and what comes back before
  // `enough` bytes are there.
  std::string Ask(uint64_t lease, const std::string& id, const std::string& say, size_t enough,
                  absl::Status* status) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    const auto queue = v1::WorkerQueue::NewStub(TcpChannel("worker"));
    const auto stream = queue->Forward(&context);
    v1::ForwardFrame frame;
    frame.set_lease(lease);
    frame.set_ssh_id(id);
    stream->Write(frame);
    frame.Clear();
    frame.set_data(say);
    stream->Write(frame);
    std::string answer;
    while (answer.size() < enough && stream->Read(&frame)) answer += frame.data();
    frame.Clear();
    frame.set_end(true);
    stream->Write(frame);
    stream->WritesDone();
    while (stream->Read(&frame)) answer += frame.data();
    *status = rpc::FromGrpc(stream->Finish());
    return answer;
  }

  Variables env_;
  cli::Farm farm_;
  cli::ClientOffers offers_;
  std::unique_ptr<cli::LocalAgents> agents_;
  std::unique_ptr<cli::BuildAttachment> attachment_;
};

TEST_F(AttachTest, StepListsTheKeysOfTheClientsAgent) {
  auto agents = cli::LocalAgents::Start({"github=" + folder_.Path("key")}, env_);
  ASSERT_OK(agents);
  agents_ = *std::move(agents);
  const int64_t build = BuildThatMounts("github");
  RawWorker worker(TcpChannel("worker"), "raw");
  worker.SendState({});
  Attach(build);
  const auto lease = worker.NextTask();
  ASSERT_TRUE(lease);
  absl::Status status;
  const std::string keys = Ask(lease->lease(), "github", ListKeysRequest(), 40, &status);
  EXPECT_OK(status);
  EXPECT_THAT(keys, HasSubstr("key-of-the-client"));
  EXPECT_EQ(keys[4], 12) << "SSH_AGENT_IDENTITIES_ANSWER";
  // Several at once, each with its own answer.
  std::atomic<int> answered = 0;
  {
    std::vector<std::jthread> steps;
    for (int i = 0; i < 4; ++i) {
      steps.emplace_back([&] {
        absl::Status each;
        if (Ask(lease->lease(), "github", ListKeysRequest(), 40, &each) == keys && each.ok()) ++answered;
      });
    }
  }
  EXPECT_EQ(answered, 4);
  Ask(lease->lease(), "other", ListKeysRequest(), 1, &status);
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  Ask(lease->lease() + 7, "github", ListKeysRequest(), 1, &status);
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
}

TEST_F(AttachTest, ClientThatGoesAwayEndsTheConnectionWithTheReason) {
  auto agents = cli::LocalAgents::Start({"default=" + folder_.Path("key")}, env_);
  ASSERT_OK(agents);
  agents_ = *std::move(agents);
  const int64_t build = BuildThatMounts("default");
  RawWorker worker(TcpChannel("worker"), "raw");
  worker.SendState({});
  Attach(build);
  const auto lease = worker.NextTask();
  ASSERT_TRUE(lease);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  const auto queue = v1::WorkerQueue::NewStub(TcpChannel("worker"));
  const auto stream = queue->Forward(&context);
  v1::ForwardFrame frame;
  frame.set_lease(lease->lease());
  frame.set_ssh_id("default");
  frame.set_data(ListKeysRequest());
  stream->Write(frame);
  ASSERT_TRUE(stream->Read(&frame));
  attachment_.reset();
  EXPECT_FALSE(stream->Read(&frame));
  const absl::Status status = rpc::FromGrpc(stream->Finish());
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(Sv(status.message())), HasSubstr("not connected"));
  absl::Status later;
  Ask(lease->lease(), "default", ListKeysRequest(), 1, &later);
  EXPECT_TRUE(absl::IsUnavailable(later)) << later;
}

TEST_F(AttachTest, ClientComesBackAfterARestart) {
  auto agents = cli::LocalAgents::Start({"default=" + folder_.Path("key")}, env_);
  ASSERT_OK(agents);
  agents_ = *std::move(agents);
  const int64_t build = BuildThatMounts("default");
  Attach(build);
  StopServer();
  StartServer();
  RawWorker worker(TcpChannel("worker"), "raw");
  worker.SendState({});
  const auto lease = worker.NextTask();
  ASSERT_TRUE(lease) << "it was held until the client was there again";
  absl::Status status;
  EXPECT_THAT(Ask(lease->lease(), "default", ListKeysRequest(), 40, &status), HasSubstr("key-of-the-client"));
  EXPECT_OK(status);
}

TEST_F(AttachTest, KeyWithAPassphraseIsNamed) {
  ProcessOptions make;
  make.argv = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", folder_.Path("locked")};
  ASSERT_EQ(RunProcess(make)->exit_code, 0);
  const auto agents = cli::LocalAgents::Start({"default=" + folder_.Path("locked")}, env_);
  EXPECT_TRUE(absl::IsInvalidArgument(agents.status()));
  EXPECT_THAT(std::string(Sv(agents.status().message())), HasSubstr("passphrase"));
}

}  // namespace
}  // namespace crossmill
