#include "coordinator/rpc/authenticator.h"

#include <google/protobuf/descriptor.h>
#include <sys/stat.h>

#include "build/bazel/remote/execution/v2/remote_execution_services.grpc.pb.h"
#include "common/base/subprocess.h"
#include "common/rpc/status_proto.h"
#include "coordinator/rpc/token_file.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "crossmill/v1/worker_service.grpc.pb.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill {
namespace {

using coordinator::AccessOf;
using rpc::FromGrpc;

// One method per role, as the real services are written.
class FakeBuilds final : public v1::Builds::Service {
 public:
  explicit FakeBuilds(const coordinator::Authenticator& authenticator) : authenticator_(authenticator) {}
  grpc::Status SubmitBuild(grpc::ServerContext* context, const v1::SubmitBuildRequest*,
                           v1::SubmitBuildResponse*) override {
    return rpc::ToGrpc(authenticator_.Require(*context, v1::ACCESS_SUBMIT));
  }

 private:
  const coordinator::Authenticator& authenticator_;
};

class FakeQueue final : public v1::WorkerQueue::Service {
 public:
  explicit FakeQueue(const coordinator::Authenticator& authenticator) : authenticator_(authenticator) {}
  grpc::Status Synchronize(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::SynchronizeResponse, v1::SynchronizeRequest>*) override {
    return rpc::ToGrpc(authenticator_.Require(*context, v1::ACCESS_WORKER));
  }

 private:
  const coordinator::Authenticator& authenticator_;
};

class AuthenticatorTest : public RpcFixture {
 protected:
  std::vector<coordinator::ServedService> MoreServices() override {
    return {{"crossmill.v1.Builds", &builds_}, {"crossmill.v1.WorkerQueue", &queue_}};
  }
  absl::Status Submit(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    v1::SubmitBuildResponse response;
    return FromGrpc(v1::Builds::NewStub(channel)->SubmitBuild(&context, {}, &response));
  }
  absl::Status Synchronize(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    auto stub = v1::WorkerQueue::NewStub(channel);
    auto stream = stub->Synchronize(&context);
    stream->WritesDone();
    return FromGrpc(stream->Finish());
  }
  absl::Status Find(const std::shared_ptr<grpc::Channel>& channel) {
    return rpc::MakeRemoteBlobStore(channel, "")->FindMissing({{DigestOf("x")}}).status();
  }

  FakeBuilds builds_{authenticator_};
  FakeQueue queue_{authenticator_};
};

TEST_F(AuthenticatorTest, HealthIsOpen) {
  // Of all, and of one service by its name.
  for (const std::string& service : {std::string(), std::string("\x0a\x13") + "crossmill.v1.Builds"}) {
    // Field 1, NOT_SERVING until it is told, SERVING.
    for (const char* bytes : {"\x08\x02", "\x08\x01"}) {
      server_->SetServing(bytes[1] == 1);
      const auto [health, health_bytes] = CallRaw("", "/grpc.health.v1.Health/Check", service);
      EXPECT_TRUE(health.ok()) << health.error_message();
      EXPECT_EQ(health_bytes, bytes);
    }
  }
}

TEST_F(AuthenticatorTest, ReflectionIsThereForWhoAskedForItOnly) {
  const std::string method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  const std::string list_services("\x3a\x00", 2);
  EXPECT_EQ(CallRaw("", method, list_services).first.error_code(), grpc::StatusCode::UNIMPLEMENTED);

  coordinator::ListenOptions options;
  options.unix_socket = folder_.Path("with-reflection.sock");
  options.reflection = true;
  auto with = coordinator::RpcServer::Start(options, {{"crossmill.v1.Builds", &builds_}});
  ASSERT_OK(with.status());
  const auto [reflection, services] = crossmill::CallRaw((*with)->InProcessChannel(), method, list_services);
  EXPECT_TRUE(reflection.ok()) << reflection.error_message();
  EXPECT_NE(services.find("crossmill.v1.Builds"), std::string::npos);
}

TEST_F(AuthenticatorTest, PeerOnTheSocketHasBothRolesWithoutToken) {
  EXPECT_OK(Submit(UnixChannel()));
  EXPECT_OK(Synchronize(UnixChannel()));
  EXPECT_OK(Find(UnixChannel()));
}

TEST_F(AuthenticatorTest, SocketIsForItsOwnerOnly) {
  struct stat info;
  ASSERT_EQ(stat(folder_.Path("coordinator.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST_F(AuthenticatorTest, TcpWithoutOrWithUnknownTokenIsRefused) {
  for (const std::string token : {"", "guess", "client-token "}) {
    EXPECT_TRUE(absl::IsUnauthenticated(Submit(TcpChannel(token)))) << token;
    EXPECT_TRUE(absl::IsUnauthenticated(Synchronize(TcpChannel(token)))) << token;
    EXPECT_TRUE(absl::IsUnauthenticated(Find(TcpChannel(token)))) << token;
  }
}

TEST_F(AuthenticatorTest, ClientTokenCannotActAsWorker) {
  EXPECT_OK(Submit(TcpChannel(kClientToken)));
  EXPECT_OK(Find(TcpChannel(kClientToken)));
  EXPECT_TRUE(absl::IsPermissionDenied(Synchronize(TcpChannel(kClientToken))));
}

TEST_F(AuthenticatorTest, WorkerTokenCannotSubmit) {
  EXPECT_OK(Synchronize(TcpChannel(kWorkerToken)));
  EXPECT_OK(Find(TcpChannel(kWorkerToken)));
  EXPECT_TRUE(absl::IsPermissionDenied(Submit(TcpChannel(kWorkerToken))));
}

TEST_F(AuthenticatorTest, RevokedTokenIsRefused) {
  authenticator_.SetTokens({});
  EXPECT_TRUE(absl::IsUnauthenticated(Submit(TcpChannel(kClientToken))));
}

// Every method of every blob service, called over TCP without a token, is refused.
TEST_F(AuthenticatorTest, NoMethodOfTheBlobServicesIsForgotten) {
  int called = 0;
  for (const char* name : {"build.bazel.remote.execution.v2.ContentAddressableStorage",
                           "build.bazel.remote.execution.v2.Capabilities", "google.bytestream.ByteStream"}) {
    const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      EXPECT_TRUE(AccessOf(name, service->method(i)->name()).has_value()) << service->method(i)->name();
      const grpc::Status status =
          CallRaw("", std::string("/") + name + "/" + service->method(i)->name(), "").first;
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED)
          << name << "/" << service->method(i)->name();
      ++called;
    }
  }
  EXPECT_EQ(called, 8);
}

TEST_F(AuthenticatorTest, ServiceWithoutRuleIsNotServed) {
  coordinator::ListenOptions options;
  options.unix_socket = folder_.Path("other.sock");
  const coordinator::ServedService service{"crossmill.v1.Unheard", &builds_};
  EXPECT_TRUE(absl::IsFailedPrecondition(
      coordinator::RpcServer::Start(options, absl::MakeConstSpan(&service, 1)).status()));
}

TEST_F(AuthenticatorTest, PlainTextToOtherHostsIsRefusedOnBothEnds) {
  coordinator::ListenOptions options;
  options.tcp_address = "0.0.0.0:0";
  EXPECT_TRUE(absl::IsFailedPrecondition(coordinator::RpcServer::Start(options, {}).status()));
  options.insecure = true;
  EXPECT_OK(coordinator::RpcServer::Start(options, {{"crossmill.v1.Builds", &builds_}}));
  EXPECT_TRUE(
      absl::IsFailedPrecondition(rpc::MakeChannel({"farm.example:4160", "token", "", false}).status()));
  EXPECT_OK(rpc::MakeChannel({"farm.example:4160", "token", "", true}));
}

// A certificate for 127.0.0.1 (a name would go through the leaky DNS resolver of Debian's gRPC) that is its
// own authority, made by the openssl program.
class TlsTest : public AuthenticatorTest {
 protected:
  void SetUp() override {
    AuthenticatorTest::SetUp();
    ProcessOptions openssl;
    openssl.argv = {"openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=localhost",
                    "-addext",
                    "subjectAltName=IP:127.0.0.1",
                    "-keyout",
                    folder_.Path("key.pem"),
                    "-out",
                    folder_.Path("cert.pem")};
    const auto made = RunProcess(openssl);
    if (!made.ok() || made->exit_code != 0) GTEST_SKIP() << "needs the openssl program";
    coordinator::ListenOptions options;
    options.tcp_address = "127.0.0.1:0";
    options.certificate_file = folder_.Path("cert.pem");
    options.key_file = folder_.Path("key.pem");
    const std::vector<coordinator::ServedService> services = {{"crossmill.v1.Builds", &tls_builds_}};
    auto server = coordinator::RpcServer::Start(options, services);
    ASSERT_OK(server);
    tls_server_ = *std::move(server);
  }
  std::string Address() const { return "127.0.0.1:" + std::to_string(tls_server_->tcp_port()); }

  FakeBuilds tls_builds_{authenticator_};
  std::unique_ptr<coordinator::RpcServer> tls_server_;
};

TEST_F(TlsTest, ClientThatTrustsTheAuthorityIsServedWithItsToken) {
  const std::string ca = folder_.Path("cert.pem");
  EXPECT_OK(Submit(*rpc::MakeChannel({Address(), kClientToken, ca, false})));
  EXPECT_TRUE(absl::IsUnauthenticated(Submit(*rpc::MakeChannel({Address(), "", ca, false}))));
}

TEST_F(TlsTest, PlainTextAndOtherAuthoritiesGetNowhere) {
  EXPECT_TRUE(absl::IsUnavailable(Submit(*rpc::MakeChannel({Address(), kClientToken, "", false}))));
  ASSERT_OK(WriteFileAtomic(folder_.Path("other.pem"), "not a certificate"));
  EXPECT_TRUE(absl::IsUnavailable(
      Submit(*rpc::MakeChannel({Address(), kClientToken, folder_.Path("other.pem"), false}))));
}

TEST_F(AuthenticatorTest, AddressInUseIsAnError) {
  coordinator::ListenOptions options;
  options.tcp_address = "127.0.0.1:" + std::to_string(server_->tcp_port());
  EXPECT_TRUE(absl::IsUnavailable(coordinator::RpcServer::Start(options, {}).status()));
}

TEST(TokenFileTest, TokensAreStoredHashedAndReadBack) {
  auto folder = *TemporaryFolder::Create();
  const std::string path = folder.Path("tokens");
  EXPECT_TRUE(coordinator::ReadTokenFile(path)->empty());
  const std::string client = *coordinator::AddToken(path, "client", "release-pipeline");
  const std::string worker = *coordinator::AddToken(path, "worker", "arm-1");
  EXPECT_NE(client, worker);
  const std::string content = *ReadFile(path);
  EXPECT_EQ(content.find(client), std::string::npos);
  const auto tokens = coordinator::ReadTokenFile(path);
  ASSERT_OK(tokens);
  ASSERT_EQ(tokens->size(), 2u);
  EXPECT_EQ((*tokens)[0].hash, Sha256Hex(client));
  // What `client` could do when there was no other word for clients.
  EXPECT_TRUE((*tokens)[0].client == v1::ACCESS_OPERATE && !(*tokens)[0].worker);
  EXPECT_TRUE((*tokens)[1].client == v1::ACCESS_UNSPECIFIED && (*tokens)[1].worker);
  EXPECT_EQ((*tokens)[1].name, "arm-1");
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST(TokenFileTest, EveryRole) {
  auto folder = *TemporaryFolder::Create();
  const std::string path = folder.Path("tokens");
  for (const char* role : {"read", "submit", "operate", "both"})
    ASSERT_OK(coordinator::AddToken(path, role, role));
  const auto tokens = coordinator::ReadTokenFile(path);
  ASSERT_OK(tokens);
  ASSERT_EQ(tokens->size(), 4u);
  EXPECT_EQ((*tokens)[0].client, v1::ACCESS_READ);
  EXPECT_EQ((*tokens)[1].client, v1::ACCESS_SUBMIT);
  EXPECT_EQ((*tokens)[2].client, v1::ACCESS_OPERATE);
  EXPECT_FALSE((*tokens)[2].worker);
  EXPECT_EQ((*tokens)[3].client, v1::ACCESS_OPERATE);
  EXPECT_TRUE((*tokens)[3].worker);
}

TEST(TokenFileTest, WorkersTokenNamesAWorkerOrAPool) {
  auto folder = *TemporaryFolder::Create();
  const std::string path = folder.Path("tokens");
  for (const char* name : {"arm-1", "ci-*", "*", "a.b_c@d+e"})
    EXPECT_OK(coordinator::AddToken(path, "worker", name));
  for (const char* name : {"-x", "a/b", "a*b", "**", "a\x1b", "\u00e9"})
    EXPECT_TRUE(absl::IsInvalidArgument(coordinator::AddToken(path, "worker", name).status())) << name;
  EXPECT_OK(coordinator::AddToken(path, "read", "team/a"));  // for people
}

TEST(TokenFileTest, MalformedLineIsNamed) {
  auto folder = *TemporaryFolder::Create();
  const std::string path = folder.Path("tokens");
  ASSERT_OK(WriteFileAtomic(path, "# tokens\n\n" + Sha256Hex("x") + " admin me\n"));
  const auto tokens = coordinator::ReadTokenFile(path);
  EXPECT_TRUE(absl::IsInvalidArgument(tokens.status()));
  EXPECT_NE(std::string(tokens.status().message()).find("tokens:3"), std::string::npos) << tokens.status();
  EXPECT_TRUE(absl::IsInvalidArgument(coordinator::AddToken(folder.Path("t"), "root", "me").status()));
}

}  // namespace
}  // namespace crossmill
