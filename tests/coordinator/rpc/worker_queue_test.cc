// The stream of a worker, as its peer sees it.
#include <gmock/gmock.h>

#include "common/base/files.h"
#include "common/rpc/status_proto.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/token_file.h"
#include "coordinator/rpc/worker_queue_service.h"
#include "coordinator/storage/log_store.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/eventually.h"
#include "tests/support/image_fixture.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill::coordinator {
namespace {

class WorkerQueueTest : public RpcFixture {
 protected:
  void SetUp() override {
    ASSERT_OK(engine_.Start());
    RpcFixture::SetUp();
  }
  void TearDown() override {
    engine_.Stop();
    server_.reset();
  }
  std::vector<ServedService> MoreServices() override { return {{"crossmill.v1.WorkerQueue", &queue_}}; }

  static v1::SynchronizeRequest State(const std::string& name) {
    v1::SynchronizeRequest request;
    v1::WorkerInfo& info = *request.mutable_state()->mutable_info();
    info.set_name(name);
    info.set_host_id("host-" + name);
    info.set_slots(1);
    return request;
  }
  std::set<std::string> Workers() {
    std::set<std::string> names;
    for (const core::WorkerStatus& worker : engine_.reader().Workers()) names.insert(worker.info.name());
    return names;
  }

  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  storage::LogStore logs_{folder_.Path("logs")};
  ImageFixture images_{*blobs_, *records_};
  Engine engine_{*records_, logs_, *blobs_, images_.store(), images_.assembler(), clock_, {}};
  WorkerQueueService queue_{engine_, authenticator_, clock_, absl::Seconds(30)};
};

TEST_F(WorkerQueueTest, NameIsThatOfTheFirstMessage) {
  const auto stub = v1::WorkerQueue::NewStub(UnixChannel());
  grpc::ClientContext context;
  const auto stream = stub->Synchronize(&context);
  v1::SynchronizeResponse answer;
  ASSERT_TRUE(stream->Write(State("honest")));
  ASSERT_TRUE(stream->Read(&answer));
  // The same again is its present state.
  ASSERT_TRUE(stream->Write(State("honest")));
  ASSERT_TRUE(stream->Read(&answer));
  stream->Write(State("victim"));
  EXPECT_FALSE(stream->Read(&answer));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              testing::AllOf(testing::HasSubstr("honest"), testing::HasSubstr("victim")));
  EXPECT_EQ(Workers().count("victim"), 0u);
}

// One connection of a worker over TCP.
struct Connection {
  explicit Connection(const std::shared_ptr<grpc::Channel>& channel)
      : stub(v1::WorkerQueue::NewStub(channel)), stream(stub->Synchronize(&context)) {}
  // What the coordinator answers, or why it ends.
  absl::Status Say(const v1::SynchronizeRequest& request) {
    if (stream->Write(request) && stream->Read(&answer)) return absl::OkStatus();
    return rpc::FromGrpc(stream->Finish());
  }
  void Leave() {
    stream->WritesDone();
    (void)stream->Finish();
  }

  grpc::ClientContext context;
  std::unique_ptr<v1::WorkerQueue::Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SynchronizeRequest, v1::SynchronizeResponse>> stream;
  v1::SynchronizeResponse answer;
};

TEST_F(WorkerQueueTest, TokenIsForOneNameOrAPool) {
  authenticator_.SetTokens({*MakeTokenRecord("one", "worker", "arm-1"),
                            *MakeTokenRecord("pool", "worker", "ci-*"),
                            *MakeTokenRecord("client", "operate", "arm-1")});
  EXPECT_OK(Connection(TcpChannel("one")).Say(State("arm-1")));
  const absl::Status other = Connection(TcpChannel("one")).Say(State("arm-2"));
  EXPECT_TRUE(absl::IsPermissionDenied(other)) << other;
  EXPECT_THAT(std::string(other.message()),
              testing::AllOf(testing::HasSubstr("'arm-1'"), testing::HasSubstr("--name arm-1"),
                             testing::HasSubstr("crossmill-coordinator token worker arm-2")));
  EXPECT_OK(Connection(TcpChannel("pool")).Say(State("ci-7")));
  for (const char* name : {"arm-1", "ci", "c", "xci-1"}) {
    const absl::Status foreign = Connection(TcpChannel("pool")).Say(State(name));
    EXPECT_TRUE(absl::IsPermissionDenied(foreign)) << name << foreign;
    EXPECT_THAT(std::string(foreign.message()), testing::HasSubstr("--name ci-NAME")) << name;
  }
  EXPECT_TRUE(absl::IsPermissionDenied(Connection(TcpChannel("client")).Say(State("arm-1"))));
  EXPECT_EQ(Workers(), (std::set<std::string>{"arm-1", "ci-7"}));
  // At the socket sits the operator.
  EXPECT_OK(Connection(UnixChannel()).Say(State("any")));
}

TEST_F(WorkerQueueTest, NameThatCouldForgeOutputIsRefused) {
  for (const std::string& name :
       {std::string("a\nworker=b"), std::string("\x1b[2Ja"), std::string("a b"), std::string("\u202ea"),
        std::string("*"), std::string("-x"), std::string("a/b"), std::string(101, 'a')}) {
    const absl::Status refused = Connection(UnixChannel()).Say(State(name));
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  }
  EXPECT_OK(Connection(UnixChannel()).Say(State(std::string(100, 'a'))));
}

TEST_F(WorkerQueueTest, SecondConnectionWaitsForTheEndOfTheFirst) {
  auto first = std::make_unique<Connection>(UnixChannel());
  ASSERT_OK(first->Say(State("w1")));
  const absl::Status second = Connection(UnixChannel()).Say(State("w1"));
  EXPECT_TRUE(absl::IsAlreadyExists(second)) << second;
  EXPECT_THAT(std::string(second.message()), testing::HasSubstr("another --name"));
  EXPECT_OK(first->Say(State("w1")));  // the first one is not displaced
  first->Leave();
  EXPECT_TRUE(Eventually([&] { return Connection(UnixChannel()).Say(State("w1")).ok(); }));
}

TEST_F(WorkerQueueTest, SilentConnectionGivesWayAndAHeartbeatKeepsIt) {
  Connection first(UnixChannel());
  ASSERT_OK(first.Say(State("w1")));
  clock_.Advance(absl::Seconds(29));
  ASSERT_OK(first.Say(State("w1")));
  clock_.Advance(absl::Seconds(29));
  EXPECT_TRUE(absl::IsAlreadyExists(Connection(UnixChannel()).Say(State("w1"))));
  clock_.Advance(absl::Seconds(1));
  Connection second(UnixChannel());
  EXPECT_OK(second.Say(State("w1")));
  const absl::Status displaced = first.Say(State("w1"));
  EXPECT_TRUE(absl::IsAborted(displaced)) << displaced;
  EXPECT_OK(second.Say(State("w1")));  // the end of the first changes nothing
}

TEST_F(WorkerQueueTest, ProcessReplacesItsOwnConnectionAtOnce) {
  v1::SynchronizeRequest state = State("w1");
  state.mutable_state()->set_session("of this process");
  Connection first(UnixChannel());
  ASSERT_OK(first.Say(state));
  Connection second(UnixChannel());
  EXPECT_OK(second.Say(state));
  EXPECT_TRUE(absl::IsAborted(first.Say(state)));
  v1::SynchronizeRequest other = State("w1");
  other.mutable_state()->set_session("guessed");
  EXPECT_TRUE(absl::IsAlreadyExists(Connection(UnixChannel()).Say(other)));
}

TEST_F(WorkerQueueTest, RevokedTokenEndsTheConnectionOfItsWorker) {
  const std::string path = folder_.Path("tokens");
  authenticator_.Follow(path, {*MakeTokenRecord("own", "read", "page")});
  const std::string token = *AddToken(path, "worker", "w1");
  const std::string kept = *AddToken(path, "worker", "w2");
  Connection first(TcpChannel(token));
  ASSERT_OK(first.Say(State("w1")));  // good as soon as it is made
  Connection other(TcpChannel(kept));
  ASSERT_OK(other.Say(State("w2")));
  std::string lines = *ReadFile(path);
  lines.erase(0, lines.find('\n') + 1);
  ASSERT_OK(WriteFileAtomic(path, lines, 0600));
  EXPECT_TRUE(absl::IsUnauthenticated(first.Say(State("w1"))));
  EXPECT_OK(other.Say(State("w2")));
  // What cannot be read takes nothing from anybody.
  ASSERT_OK(WriteFileAtomic(path, "nonsense\n", 0600));
  EXPECT_OK(other.Say(State("w2")));
  ASSERT_OK(RemoveTree(path));
  EXPECT_TRUE(absl::IsUnauthenticated(other.Say(State("w2"))));
}

}  // namespace
}  // namespace crossmill::coordinator
