// Clients and workers of other versions, played by what they say of themselves.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/rpc/protocol.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill {
namespace {

class ProtocolPeersTest : public RpcFixture {
 protected:
  // With nothing of its own in the user-agent where `agent` is empty.
  grpc::Status CallAs(const std::string& agent) {
    grpc::ChannelArguments arguments;
    if (!agent.empty()) arguments.SetUserAgentPrefix(agent);
    const auto channel = grpc::CreateCustomChannel("unix:" + folder_.Path("coordinator.sock"),
                                                   grpc::InsecureChannelCredentials(), arguments);
    return ::crossmill::CallRaw(
               channel, "/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs",
               build::bazel::remote::execution::v2::FindMissingBlobsRequest().SerializeAsString())
        .first;
  }
};

TEST_F(ProtocolPeersTest, OneOlderAndOneNewerWork) {
  for (const int protocol : {rpc::kProtocol - 1, rpc::kProtocol, rpc::kProtocol + 1}) {
    const grpc::Status status = CallAs(rpc::UserAgentOf("9.9.9", protocol));
    EXPECT_TRUE(status.ok()) << protocol << ": " << status.error_message();
  }
  // Of before there was a number.
  EXPECT_TRUE(CallAs("").ok());
}

TEST_F(ProtocolPeersTest, MoreDistanceIsRefusedWithASentence) {
  const grpc::Status status = CallAs(rpc::UserAgentOf("9.9.9", rpc::kProtocol + 2));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(status.error_message().find("upgrade the coordinator first"), std::string::npos)
      << status.error_message();
  EXPECT_NE(status.error_message().find("Crossmill 9.9.9"), std::string::npos) << status.error_message();
}

TEST_F(ProtocolPeersTest, OtherProgramsMayUseTheBlobStore) { EXPECT_TRUE(CallAs("bazel/7.0").ok()); }

// What a server sees of who calls.
class AgentRecorder final : public v1::Farm::Service {
 public:
  grpc::Status GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest*,
                          v1::GetVersionResponse*) override {
    const auto found = context->client_metadata().find("user-agent");
    if (found != context->client_metadata().end()) seen.assign(found->second.data(), found->second.size());
    return grpc::Status::OK;
  }
  std::string seen;
};

class OwnChannelsTest : public RpcFixture {
 protected:
  std::vector<coordinator::ServedService> MoreServices() override {
    return {{"crossmill.v1.Farm", &recorder_}};
  }
  void TearDown() override { server_.reset(); }
  // Of a call on that channel; 0: it does not say.
  int ProtocolOn(const std::shared_ptr<grpc::Channel>& channel) {
    const auto called = ::crossmill::CallRaw(channel, "/crossmill.v1.Farm/GetVersion", "");
    EXPECT_TRUE(called.first.ok()) << called.first.error_message();
    const auto peer = rpc::PeerOf(recorder_.seen);
    return peer && !peer->version.empty() ? peer->protocol : 0;
  }
  AgentRecorder recorder_;
};

TEST_F(OwnChannelsTest, SayTheirProtocol) {
  rpc::ChannelOptions options;
  options.address = "unix:" + folder_.Path("coordinator.sock");
  const auto channel = rpc::MakeChannel(options);
  ASSERT_OK(channel);
  EXPECT_EQ(ProtocolOn(*channel), rpc::kProtocol);
  // The HTTP door's.
  EXPECT_EQ(ProtocolOn(server_->InProcessChannel()), rpc::kProtocol);
}

}  // namespace
}  // namespace crossmill
