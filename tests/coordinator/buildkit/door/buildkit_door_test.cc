#include "coordinator/buildkit/door/buildkit_door.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <csignal>

#include "common/base/digest.h"
#include "common/rpc/channel.h"
#include "moby/buildkit/secrets/v1/secrets_service.grpc.pb.h"
#include "tests/coordinator/buildkit/door/tls_client.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace secrets = ::moby::buildkit::secrets::v1;
using ::testing::HasSubstr;

// Says who calls, by a message that has room for it.
class WhoAmI final : public secrets::Secrets::Service {
 public:
  explicit WhoAmI(const ConnectionCallers& callers) : callers_(callers) {}
  grpc::Status GetSecret(grpc::ServerContext* context, const secrets::GetSecretRequest* request,
                         secrets::GetSecretResponse* response) override {
    const auto caller = callers_.Admit(*context, v1::ACCESS_SUBMIT);
    if (!caller.ok())
      return {static_cast<grpc::StatusCode>(caller.status().code()), std::string(caller.status().message())};
    response->set_data(caller->roles.name + " " + caller->key + " " + request->id());
    return grpc::Status::OK;
  }

 private:
  const ConnectionCallers& callers_;
};

int CountIn(const char* folder) {
  int count = 0;
  DIR* stream = opendir(folder);
  while (readdir(stream) != nullptr) ++count;
  closedir(stream);
  return count;
}

class BuildKitDoorTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }
  void SetUp() override {
    options_.unix_socket = folder_.Path("buildkit.sock");
    options_.tcp_address = "127.0.0.1:0";
    options_.tls = {.certificate = folder_.Path("cert.pem"),
                    .key = folder_.Path("key.pem"),
                    .client_authorities = folder_.Path("clients.pem"),
                    .farm_authority_pem = farm_.certificate_pem()};
    const auto request = certificates::MakeKeyAndRequest();
    Write("cert.pem", farm_.IssueServer(request->request_pem, {"127.0.0.1"}, clock_.Now())->pem);
    Write("key.pem", request->key_pem);
    Write("clients.pem", company_.certificate_pem());
    Open();
  }
  void Open() {
    grpc::Service* const service = &service_;
    auto door = BuildKitDoor::Start(options_, callers_, {&service, 1});
    ASSERT_OK(door.status());
    door_ = *std::move(door);
  }
  void OpenWithLittlePatience() {
    door_.reset();
    options_.handshake_time = std::chrono::milliseconds(500);
    Open();
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_OK(WriteFileAtomic(folder_.Path(name), text));
  }

  // Of the farm's authority, for a token.
  PemPair Issued(const std::string& token, absl::Duration life = absl::Hours(1)) {
    const auto request = certificates::MakeKeyAndRequest();
    return {farm_.IssueClient(request->request_pem, Sha256Hex(token), clock_.Now(), life)->pem,
            request->key_pem};
  }
  // Of an authority that the operator names, for a name; made by hand, since ours issues none such.
  static PemPair NamedBy(const certificates::Authority& authority, const std::string& name, absl::Time now);

  TlsClient Client(const PemPair& own, bool alpn = false) {
    return TlsClient(
        {.port = door_->tcp_port(), .authority = farm_.certificate_pem(), .own = own, .alpn = alpn});
  }
  // "name key id", or the error.
  static std::string Ask(const std::shared_ptr<grpc::Channel>& channel, const std::string& id = "x") {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    secrets::GetSecretRequest request;
    request.set_id(id);
    secrets::GetSecretResponse response;
    const grpc::Status status = secrets::Secrets::NewStub(channel)->GetSecret(&context, request, &response);
    return status.ok() ? response.data() : std::to_string(status.error_code()) + " " + status.error_message();
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  SystemClock clock_;
  certificates::Authority farm_ = *certificates::Authority::Make(clock_.Now());
  certificates::Authority company_ = *certificates::Authority::Make(clock_.Now());
  Authenticator authenticator_{{{Sha256Hex("alices"), v1::ACCESS_SUBMIT, false, "alice"},
                                {Sha256Hex("bobs"), v1::ACCESS_SUBMIT, false, "bob"},
                                {Sha256Hex("readers"), v1::ACCESS_READ, false, "reader"}}};
  ConnectionCallers callers_{authenticator_, clock_};
  WhoAmI service_{callers_};
  DoorOptions options_;
  std::unique_ptr<BuildKitDoor> door_;
};

PemPair BuildKitDoorTest::NamedBy(const certificates::Authority& authority, const std::string& name,
                                  absl::Time now) {
  auto key = *certificates::MakeKey();
  const auto issuer = *certificates::ReadCertificate(authority.certificate_pem());
  const auto issuer_key = *certificates::ReadKey(*authority.KeyPem());
  const certificates::Certificate made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 77);
  ASN1_TIME_set(X509_getm_notBefore(made.get()), absl::ToTimeT(now - absl::Hours(1)));
  ASN1_TIME_set(X509_getm_notAfter(made.get()), absl::ToTimeT(now + absl::Hours(1)));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get()));
  X509_set_pubkey(made.get(), key.get());
  // Both authorities of this test have the same name.
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer.get(), made.get(), nullptr, nullptr, 0);
  X509_EXTENSION* const by = X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid");
  X509_add_ext(made.get(), by, -1);
  X509_EXTENSION_free(by);
  X509_sign(made.get(), issuer_key.get(), EVP_sha256());
  return {*certificates::PemOf(made.get()), *certificates::PemOf(key.get())};
}

TEST_F(BuildKitDoorTest, ClientsAreServedWithAndWithoutAlpn) {
  TlsClient buildx = Client(Issued("alices"));
  ASSERT_TRUE(buildx.connected());
  EXPECT_EQ(buildx.alpn(), "");
  EXPECT_EQ(Ask(buildx.channel()), "alice token " + Sha256Hex("alices") + " x");
  TlsClient buildctl = Client(Issued("bobs"), true);
  EXPECT_EQ(buildctl.alpn(), "h2");
  EXPECT_EQ(Ask(buildctl.channel()), "bob token " + Sha256Hex("bobs") + " x");
  // Each stays who it is.
  EXPECT_THAT(Ask(buildx.channel()), HasSubstr("alice"));
}

TEST_F(BuildKitDoorTest, CertificatesOfTheOperatorsAuthorityNameTokens) {
  EXPECT_THAT(Ask(Client(NamedBy(company_, "bob", clock_.Now())).channel()), HasSubstr("bob token"));
  EXPECT_THAT(Ask(Client(NamedBy(company_, "nobody", clock_.Now())).channel()),
              HasSubstr("16 no token of this farm is named nobody"));
  // Read only.
  EXPECT_THAT(Ask(Client(NamedBy(company_, "reader", clock_.Now())).channel()),
              HasSubstr("7 this needs the role"));
}

TEST_F(BuildKitDoorTest, StrangersGetNoAnswer) {
  const std::string kNone = "14 ";
  EXPECT_THAT(Ask(Client({}).channel()), ::testing::StartsWith(kNone));
  const certificates::Authority other = *certificates::Authority::Make(clock_.Now());
  const auto request = certificates::MakeKeyAndRequest();
  EXPECT_THAT(
      Ask(Client({other.IssueClient(request->request_pem, Sha256Hex("alices"), clock_.Now(), absl::Hours(1))
                      ->pem,
                  request->key_pem})
              .channel()),
      ::testing::StartsWith(kNone));
  // A worker of the farm is no client, though the same authority signed it.
  EXPECT_THAT(Ask(Client({farm_.IssueWorker(request->request_pem, "arm-1", clock_.Now(), absl::Hours(1))->pem,
                          request->key_pem})
                      .channel()),
              ::testing::StartsWith(kNone));
  // Nor does the farm's own authority name tokens in plain words.
  EXPECT_THAT(Ask(Client(NamedBy(farm_, "alice", clock_.Now())).channel()), ::testing::StartsWith(kNone));
}

// However its words and ours cross.
TEST_F(BuildKitDoorTest, WhoSpeaksBeforeItIsRefusedHearsWhy) {
  EXPECT_THAT(RefusalOfAnEagerClient(door_->tcp_port(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
              HasSubstr("certificate required"));
}

TEST_F(BuildKitDoorTest, ARevokedTokenIsToldOnceAndThenItsConnectionEnds) {
  TlsClient client = Client(Issued("alices"));
  EXPECT_THAT(Ask(client.channel()), HasSubstr("alice"));
  authenticator_.SetTokens({{Sha256Hex("bobs"), v1::ACCESS_SUBMIT, false, "bob"}});
  EXPECT_THAT(Ask(client.channel()), HasSubstr("16 the token that this client's certificate was issued to"));
  EXPECT_TRUE(Eventually([&] { return door_->connections() == 0; }));
  EXPECT_THAT(Ask(client.channel()), ::testing::StartsWith("14 "));
}

TEST_F(BuildKitDoorTest, TheOperatorsSocketNeedsNoCertificate) {
  struct stat info;
  ASSERT_EQ(stat(options_.unix_socket.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  const auto channel = *rpc::MakeChannel({"unix:" + options_.unix_socket, "", "", false});
  EXPECT_EQ(Ask(channel), " socket x");
}

TEST_F(BuildKitDoorTest, WhoSaysNothingIsLetGo) {
  OpenWithLittlePatience();
  const UniqueFd silent = ConnectTo(door_->tcp_port());
  char byte;
  // The door closes it when the time for a handshake is over.
  EXPECT_LE(read(silent.get(), &byte, 1), 0);
  EXPECT_TRUE(Eventually([&] { return door_->connections() == 0; }));
}

TEST_F(BuildKitDoorTest, NoOneFillsTheDoor) {
  options_.connections = {.most = 6, .most_of_peer = 6, .most_unknown = 3, .most_unknown_of_peer = 3};
  OpenWithLittlePatience();
  TlsClient known = Client(Issued("alices"));
  EXPECT_THAT(Ask(known.channel()), HasSubstr("alice"));
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(ConnectTo(door_->tcp_port()));
  EXPECT_TRUE(Eventually([&] { return door_->connections() <= 6; }));
  // Who has shown a certificate stays.
  EXPECT_THAT(Ask(known.channel()), HasSubstr("alice"));
}

TEST_F(BuildKitDoorTest, CertificatesAreReadAgain) {
  TlsClient before = Client(Issued("alices"));
  EXPECT_THAT(Ask(before.channel()), HasSubstr("alice"));
  Write("cert.pem", "nonsense");
  EXPECT_TRUE(absl::IsFailedPrecondition(door_->ReloadCertificates()));
  EXPECT_THAT(Ask(Client(Issued("alices")).channel()), HasSubstr("alice"));
  // Another authority's clients, and the same server.
  const auto request = certificates::MakeKeyAndRequest();
  Write("cert.pem", farm_.IssueServer(request->request_pem, {"127.0.0.1"}, clock_.Now())->pem);
  Write("key.pem", request->key_pem);
  const certificates::Authority later = *certificates::Authority::Make(clock_.Now());
  Write("clients.pem", later.certificate_pem());
  EXPECT_OK(door_->ReloadCertificates());
  EXPECT_THAT(Ask(Client(NamedBy(later, "bob", clock_.Now())).channel()), HasSubstr("bob"));
  EXPECT_THAT(Ask(Client(NamedBy(company_, "bob", clock_.Now())).channel()), ::testing::StartsWith("14 "));
  EXPECT_THAT(Ask(before.channel()), HasSubstr("alice"));
}

TEST_F(BuildKitDoorTest, SettingsThatDoNotFitAreSaid) {
  door_.reset();
  options_.tls.key.clear();
  EXPECT_THAT(std::string(BuildKitDoor::Start(options_, callers_, {}).status().message()),
              HasSubstr("over TLS only"));
  options_.tls.key = folder_.Path("key.pem");
  options_.tls.client_authorities.clear();
  options_.tls.farm_authority_pem.clear();
  EXPECT_THAT(std::string(BuildKitDoor::Start(options_, callers_, {}).status().message()),
              HasSubstr("--buildkit-client-ca"));
}

TEST_F(BuildKitDoorTest, NothingIsLeftOfManyConnections) {
  {
    TlsClient warm = Client(Issued("alices"));
    Ask(warm.channel());
  }
  EXPECT_TRUE(Eventually([&] { return door_->connections() == 0; }));
  const int threads = CountIn("/proc/self/task"), files = CountIn("/proc/self/fd");
  const PemPair own = Issued("alices");
  std::vector<std::thread> clients;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back([&, i] {
      TlsClient client = Client(own, i % 2 == 0);
      // Larger than any buffer on the way, in both directions.
      const std::string big(3 << 20, static_cast<char>('a' + i % 26));
      EXPECT_TRUE(Ask(client.channel(), big).ends_with(big)) << i;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(Eventually([&] { return door_->connections() == 0; }));
  EXPECT_TRUE(Eventually([&] { return CountIn("/proc/self/fd") <= files + 4; }));
  EXPECT_TRUE(Eventually([&] { return CountIn("/proc/self/task") <= threads + 16; }));
}

TEST_F(BuildKitDoorTest, ShutdownEndsWhatIsOpen) {
  TlsClient client = Client(Issued("alices"));
  EXPECT_THAT(Ask(client.channel()), HasSubstr("alice"));
  door_->Shutdown(absl::ZeroDuration());
  EXPECT_EQ(door_->connections(), 0u);
  EXPECT_THAT(Ask(client.channel()), ::testing::StartsWith("14 "));
  EXPECT_FALSE(ConnectTo(door_->tcp_port()).valid());
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
