// The coordinator as other programs meet it: Remote Execution API, reflection, and the door.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>

#include "build/bazel/remote/execution/v2/remote_execution_services.grpc.pb.h"
#include "common/base/status.h"
#include "common/rpc/status_proto.h"
#include "google/bytestream/bytestream_service.grpc.pb.h"
#include "tests/integration/test_farm.h"
#include "tests/support/raw_call.h"

namespace crossmill {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

using ::google::protobuf::DescriptorPool;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RemoteApiTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    // Over TCP, with a client's token, as another program would.
    tcp_ = TcpChannel("client");
    cas_ = reapi::ContentAddressableStorage::NewStub(tcp_);
  }
  void TearDown() override {
    cas_.reset();
    tcp_.reset();
    FarmTest::TearDown();
  }
  std::vector<std::string> Missing(const std::vector<std::string>& contents) {
    grpc::ClientContext context;
    reapi::FindMissingBlobsRequest request;
    for (const std::string& content : contents) ToProto(DigestOf(content), request.add_blob_digests());
    reapi::FindMissingBlobsResponse response;
    EXPECT_OK(rpc::FromGrpc(cas_->FindMissingBlobs(&context, request, &response)));
    std::vector<std::string> missing;
    for (const auto& digest : response.missing_blob_digests()) {
      for (const std::string& content : contents) {
        if (FromProto(digest) == DigestOf(content)) {
          missing.push_back(content);
          break;
        }
      }
    }
    EXPECT_EQ(missing.size(), static_cast<size_t>(response.missing_blob_digests_size()));
    return missing;
  }
  // The code of a batch upload of one blob under a digest.
  int Upload(const Digest& digest, const std::string& bytes) {
    grpc::ClientContext context;
    reapi::BatchUpdateBlobsRequest request;
    ToProto(digest, request.add_requests()->mutable_digest());
    request.mutable_requests(0)->set_data(bytes);
    reapi::BatchUpdateBlobsResponse response;
    EXPECT_OK(rpc::FromGrpc(cas_->BatchUpdateBlobs(&context, request, &response)));
    return response.responses_size() == 1 ? response.responses(0).status().code() : -1;
  }
  absl::Status Stream(const Digest& digest, const std::string& bytes) {
    const auto stub = google::bytestream::ByteStream::NewStub(tcp_);
    grpc::ClientContext context;
    google::bytestream::WriteResponse response;
    const auto stream = stub->Write(&context, &response);
    google::bytestream::WriteRequest request;
    request.set_resource_name(
        fmt::format("uploads/0b8e9a5c-1c8e-4f5e-9c0f-2d5d8e6b7a10/blobs/{}/{}", digest.hash, digest.size));
    request.set_data(bytes);
    request.set_finish_write(true);
    stream->Write(request);
    stream->WritesDone();
    return rpc::FromGrpc(stream->Finish());
  }

  std::shared_ptr<grpc::Channel> tcp_;
  std::unique_ptr<reapi::ContentAddressableStorage::Stub> cas_;
};

TEST_F(RemoteApiTest, CapabilitiesSayWhatIsThere) {
  const auto stub = reapi::Capabilities::NewStub(tcp_);
  grpc::ClientContext context;
  reapi::ServerCapabilities capabilities;
  ASSERT_OK(rpc::FromGrpc(stub->GetCapabilities(&context, {}, &capabilities)));
  EXPECT_THAT(capabilities.cache_capabilities().digest_functions(),
              ElementsAre(reapi::DigestFunction::SHA256));
  EXPECT_GT(capabilities.cache_capabilities().max_batch_total_size_bytes(), 0);
}

TEST_F(RemoteApiTest, FindMissingIsExact) {
  EXPECT_THAT(Missing({"a", "b", "c"}), ElementsAre("a", "b", "c"));
  EXPECT_EQ(Upload(DigestOf("b"), "b"), 0);
  EXPECT_THAT(Missing({"a", "b", "c"}), ElementsAre("a", "c"));
  EXPECT_OK(Stream(DigestOf("c"), "c"));
  EXPECT_THAT(Missing({"a", "b", "c", "a"}), ElementsAre("a"));
  StopServer();
  StartServer();
  EXPECT_TRUE(blobs_->Has(DigestOf("b"))) << "durable";
}

TEST_F(RemoteApiTest, EmptyBlobIsAlwaysThere) {
  EXPECT_THAT(Missing({"", "a"}), ElementsAre("a"));
  EXPECT_EQ(Upload(DigestOf(""), ""), 0);
  grpc::ClientContext context;
  reapi::BatchReadBlobsRequest request;
  ToProto(DigestOf(""), request.add_digests());
  reapi::BatchReadBlobsResponse response;
  ASSERT_OK(rpc::FromGrpc(cas_->BatchReadBlobs(&context, request, &response)));
  ASSERT_EQ(response.responses_size(), 1);
  EXPECT_EQ(response.responses(0).status().code(), 0);
  EXPECT_EQ(response.responses(0).data(), "");
}

TEST_F(RemoteApiTest, BlobWithALyingDigestIsRefusedAndNotKept) {
  constexpr int kInvalidArgument = 3;
  const Digest other = DigestOf("the truth");
  EXPECT_EQ(Upload(other, "not truth"), kInvalidArgument) << "same size, other bytes";
  EXPECT_EQ(Upload(Digest{other.hash, 3}, "the truth"), kInvalidArgument) << "right hash, wrong size";
  EXPECT_TRUE(absl::IsInvalidArgument(Stream(other, "not truth")));
  EXPECT_TRUE(absl::IsInvalidArgument(Stream(other, "the truth and more")));
  EXPECT_THAT(Missing({"the truth", "not truth"}), ElementsAre("the truth", "not truth"));
  EXPECT_OK(Stream(other, "the truth"));
  EXPECT_EQ(blobs_->Get(other).value(), "the truth");
}

// What reflection lists is what is served; nothing of it but health and reflection is open.
TEST_F(RemoteApiTest, EverythingThatIsServedAsksForAToken) {
  const auto [listed, answer] = CallRaw(
      tcp_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", std::string("\x3a\x00", 2));
  ASSERT_TRUE(listed.ok()) << listed.error_message();
  int methods = 0;
  for (const char* name :
       {"build.bazel.remote.execution.v2.Capabilities",
        "build.bazel.remote.execution.v2.ContentAddressableStorage", "google.bytestream.ByteStream",
        "crossmill.v1.Builds", "crossmill.v1.Images", "crossmill.v1.Farm", "crossmill.v1.WorkerQueue"}) {
    EXPECT_THAT(answer, HasSubstr(name));
    const auto* service = DescriptorPool::generated_pool()->FindServiceByName(name);
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string path = std::string("/") + name + "/" + service->method(i)->name();
      EXPECT_EQ(CallRaw(TcpChannel(""), path, "").first.error_code(), grpc::StatusCode::UNAUTHENTICATED)
          << path;
      ++methods;
    }
  }
  EXPECT_GE(methods, 22);
}

}  // namespace
}  // namespace crossmill
