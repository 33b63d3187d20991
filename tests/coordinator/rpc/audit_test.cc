// The audit log: which calls are in it, what of them, and what is not.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/files.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/images_service.h"
#include "coordinator/rpc/peers/audit_interceptor.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "crossmill/v1/notices.pb.h"
#include "tests/common/oci/sample_image.h"
#include "tests/support/fake_image_source.h"
#include "tests/support/memory_image_records.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class AuditTest : public RpcFixture {
 protected:
  std::vector<ServedService> MoreServices() override { return {{"crossmill.v1.Images", &images_service_}}; }
  Interceptors MoreInterceptors() override {
    Interceptors interceptors;
    interceptors.push_back(MakeAuditInterceptors(*audit_, *refused_, authenticator_));
    return interceptors;
  }
  void TearDown() override { server_.reset(); }

  std::vector<nlohmann::json> Lines(const std::string& name = "audit.log") {
    std::vector<nlohmann::json> lines;
    std::istringstream text(ReadFile(folder_.Path(name)).value_or(""));
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  absl::Status Remove(const std::shared_ptr<grpc::Channel>& channel, const std::string& name) {
    grpc::ClientContext context;
    v1::RemoveImageRequest request;
    request.add_names(name);
    v1::RemoveImageResponse response;
    return rpc::FromGrpc(v1::Images::NewStub(channel)->RemoveImage(&context, request, &response));
  }

  std::unique_ptr<AuditLog> audit_ = *AuditLog::Open(folder_.Path("audit.log"), clock_);
  std::unique_ptr<AuditLog> refused_ = *AuditLog::Open(folder_.Path("refused.log"), clock_);
  MemoryImageRecords records_;
  FakeImageSource source_;
  ImageStore images_{*blobs_, records_, source_, clock_};
  ImagesService images_service_{images_, authenticator_};
};

TEST_F(AuditTest, WhoChangedWhatAndWhoWasRefused) {
  ASSERT_OK(images_.Import("app:1", oci::PutImage(*blobs_, "amd64"), false, core::Author{"other", false}));
  EXPECT_TRUE(absl::IsPermissionDenied(Remove(TcpChannel(kSubmitToken), "app:1")));
  EXPECT_TRUE(absl::IsPermissionDenied(Remove(TcpChannel(kReadToken), "app:1")));
  EXPECT_TRUE(absl::IsUnauthenticated(Remove(TcpChannel("nobody's"), "app:1")));
  ASSERT_OK(Remove(UnixChannel(), "app:1"));
  grpc::ClientContext context;
  v1::ListImagesResponse list;
  ASSERT_OK(rpc::FromGrpc(v1::Images::NewStub(UnixChannel())->ListImages(&context, {}, &list)));

  const auto refused = Lines("refused.log");
  ASSERT_EQ(refused.size(), 2u) << "who has no token fills nothing";
  EXPECT_EQ(refused[0]["client"], "submitter");
  EXPECT_EQ(refused[0]["outcome"], "PERMISSION_DENIED");
  EXPECT_EQ(refused[0]["door"], "tcp");
  EXPECT_EQ(refused[0]["call"], "crossmill.v1.Images/RemoveImage");
  EXPECT_EQ(refused[0]["about"]["names"], "app:1");
  EXPECT_EQ(refused[1]["client"], "reader");
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u) << "reading is none of it";
  EXPECT_EQ(lines[0]["client"], "");
  EXPECT_EQ(lines[0]["door"], "socket");
  EXPECT_EQ(lines[0]["outcome"], "OK");
}

TEST_F(AuditTest, OfStreamsTheEndIsTold) {
  grpc::ClientContext context;
  v1::PullImageRequest request;
  request.set_reference("no/such:1");
  v1::RegistryCredentials& credentials = *request.add_credentials();
  credentials.set_registry("r.example");
  credentials.set_password("a secret word");
  const auto reader = v1::Images::NewStub(TcpChannel(kSubmitToken))->PullImage(&context, request);
  v1::PullProgress progress;
  while (reader->Read(&progress)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["about"]["reference"], "no/such:1");
  EXPECT_NE(lines[0]["outcome"], "OK");
  EXPECT_THAT(lines[0].dump(), Not(HasSubstr("secret")));
}

TEST(AuditedCalls, AreThoseThatMayChangeSomething) {
  for (const char* call :
       {"/crossmill.v1.Builds/SubmitBuild", "/crossmill.v1.Builds/CancelBuild", "/crossmill.v1.Builds/Attach",
        "/crossmill.v1.Submissions/SubmitFiles", "/crossmill.v1.Farm/DistrustWorker",
        "/crossmill.v1.Farm/MakePageLink", "/crossmill.v1.Images/PushImage",
        "/crossmill.v1.Webhooks/AddWebhook", "/crossmill.v1.Wheels/RemoveFarmWheels",
        "/crossmill.v1.Verification/VerifyBuild"}) {
    EXPECT_TRUE(IsAudited(call)) << call;
  }
  for (const char* call : {"/crossmill.v1.Builds/GetBuild", "/crossmill.v1.Predictions/Predict",
                           "/google.bytestream.ByteStream/Write", "/crossmill.v1.WorkerQueue/Synchronize",
                           "/x", "", "/", "/no.Such/Method"}) {
    EXPECT_FALSE(IsAudited(call)) << call;
  }
}

TEST(AuditedCalls, NameNoSecretAndNoAddress) {
  v1::SubmitBuildRequest request;
  request.set_idempotency_key("key");
  request.mutable_submission()->mutable_options()->add_tags("app:1");
  v1::Secret& secret = *request.add_secrets();
  secret.set_id("token");
  secret.set_value("value");
  const auto named = NamedBy(request);
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(named[0], std::make_pair(std::string("tags"), std::string("app:1")));
  v1::AddWebhookRequest webhook;
  webhook.set_url("https://user:word@hooks.example/");
  webhook.set_names("app*");
  const auto about = NamedBy(webhook);
  ASSERT_EQ(about.size(), 1u);
  EXPECT_EQ(about[0].second, "app*");
}

}  // namespace
}  // namespace crossmill::coordinator
