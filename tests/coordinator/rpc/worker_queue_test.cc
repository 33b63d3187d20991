// The stream of a worker, as its peer sees it.
#include <gmock/gmock.h>

#include "coordinator/engine/engine.h"
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
  WorkerQueueService queue_{engine_, authenticator_};
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

}  // namespace
}  // namespace crossmill::coordinator
