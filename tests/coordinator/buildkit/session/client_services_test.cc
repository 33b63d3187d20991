// Secrets, agents, uploads, layouts and credentials of a client over its session.
#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <future>
#include <map>

#include "common/base/mutex.h"
#include "common/base/wiping.h"
#include "common/oci/image.h"
#include "containerd/services/content/v1/content_service.grpc.pb.h"
#include "coordinator/buildkit/session/client_agents.h"
#include "coordinator/buildkit/session/client_credentials.h"
#include "coordinator/buildkit/session/client_layout.h"
#include "coordinator/buildkit/session/client_secrets.h"
#include "coordinator/buildkit/session/client_upload.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "moby/buildkit/secrets/v1/secrets_service.grpc.pb.h"
#include "moby/filesync/v1/filesync_service.grpc.pb.h"
#include "moby/sshforward/v1/ssh_service.grpc.pb.h"
#include "moby/upload/v1/upload_service.grpc.pb.h"
#include "tests/coordinator/buildkit/fake_buildkit_client.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace content = ::containerd::services::content::v1;
namespace filesync = ::moby::filesync::v1;
namespace ssh = ::moby::sshforward::v1;
using std::chrono::seconds;
using ::testing::HasSubstr;

const grpc::Status kNotThere(grpc::StatusCode::NOT_FOUND, "not there");

class FakeSecrets final : public moby::buildkit::secrets::v1::Secrets::Service {
 public:
  grpc::Status GetSecret(grpc::ServerContext*, const moby::buildkit::secrets::v1::GetSecretRequest* request,
                         moby::buildkit::secrets::v1::GetSecretResponse* response) override {
    const auto found = values.find(request->id());
    if (found == values.end()) return kNotThere;
    response->set_data(found->second);
    return grpc::Status::OK;
  }
  std::map<std::string, std::string> values;
};

class FakeAuth final : public filesync::Auth::Service {
 public:
  grpc::Status Credentials(grpc::ServerContext*, const filesync::CredentialsRequest* request,
                           filesync::CredentialsResponse* response) override {
    if (request->host() != host) return grpc::Status::OK;
    response->set_username(user);
    response->set_secret("s3cret");
    return grpc::Status::OK;
  }
  grpc::Status FetchToken(grpc::ServerContext*, const filesync::FetchTokenRequest* request,
                          filesync::FetchTokenResponse* response) override {
    response->set_token(request->host() + " " + request->realm() + " " + request->scopes(0));
    return grpc::Status::OK;
  }
  std::string host = "registry-1.docker.io", user = "ann";
};

class FakeUpload final : public moby::upload::v1::Upload::Service {
 public:
  grpc::Status Pull(grpc::ServerContext* context,
                    grpc::ServerReaderWriter<moby::upload::v1::BytesMessage, moby::upload::v1::BytesMessage>*
                        stream) override {
    const auto path = context->client_metadata().find("urlpath");
    if (path == context->client_metadata().end() || path->second != "/abc") return kNotThere;
    moby::upload::v1::BytesMessage piece;
    for (int i = 0; i < 100; ++i) {
      piece.set_data(std::string(10'000, static_cast<char>('a' + i % 26)));
      stream->Write(piece);
    }
    return breaks ? grpc::Status(grpc::StatusCode::DATA_LOSS, "the pipe broke") : grpc::Status::OK;
  }
  bool breaks = false;
};

class FakeContent final : public content::Content::Service {
 public:
  std::string Add(const std::string& bytes) {
    Set(DigestOf(bytes), bytes);
    return DigestOf(bytes).Oci();
  }
  void Set(const Digest& digest, const std::string& bytes) {
    MutexLock lock(mutex);
    blobs[digest.Oci()] = bytes;
  }
  void Remove(const Digest& digest) {
    MutexLock lock(mutex);
    blobs.erase(digest.Oci());
  }
  grpc::Status Info(grpc::ServerContext* context, const content::InfoRequest* request,
                    content::InfoResponse* response) override {
    MutexLock lock(mutex);
    const auto found = blobs.find(request->digest());
    if (found == blobs.end() || !IsStore(*context)) return kNotThere;
    response->mutable_info()->set_digest(found->first);
    response->mutable_info()->set_size(static_cast<int64_t>(found->second.size()));
    return grpc::Status::OK;
  }
  grpc::Status Read(grpc::ServerContext* context, const content::ReadContentRequest* request,
                    grpc::ServerWriter<content::ReadContentResponse>* writer) override {
    std::string bytes;
    {
      // A call that its caller has given up still runs while the test goes on.
      MutexLock lock(mutex);
      const auto found = blobs.find(request->digest());
      if (found == blobs.end() || !IsStore(*context)) return kNotThere;
      bytes = found->second;
      ++reads;
    }
    content::ReadContentResponse piece;
    for (size_t at = 0; at < bytes.size(); at += 100) {
      piece.set_offset(static_cast<int64_t>(at));
      piece.set_data(bytes.substr(at, 100));
      if (!writer->Write(piece)) break;
    }
    return grpc::Status::OK;
  }
  static bool IsStore(const grpc::ServerContext& context) {
    const auto store = context.client_metadata().find("buildkit-attachable-store-id");
    return store != context.client_metadata().end() && store->second == "oci:base";
  }
  Mutex mutex;
  std::map<std::string, std::string> blobs ABSL_GUARDED_BY(mutex);
  std::atomic<int> reads{0};
};

// Answers each piece with the same in capitals.
class FakeAgent final : public ssh::SSH::Service {
 public:
  grpc::Status CheckAgent(grpc::ServerContext*, const ssh::CheckAgentRequest* request,
                          ssh::CheckAgentResponse*) override {
    return request->id() == "default" ? grpc::Status::OK
                                      : grpc::Status(grpc::StatusCode::NOT_FOUND, "unset ssh forward key");
  }
  grpc::Status ForwardAgent(grpc::ServerContext* context,
                            grpc::ServerReaderWriter<ssh::BytesMessage, ssh::BytesMessage>* stream) override {
    const auto id = context->client_metadata().find("buildkit.ssh.id");
    if (id == context->client_metadata().end() || id->second != "default") return kNotThere;
    ssh::BytesMessage piece;
    while (stream->Read(&piece)) {
      for (char& c : *piece.mutable_data()) c = static_cast<char>(toupper(c));
      stream->Write(piece);
    }
    return grpc::Status::OK;
  }
};

// The farm's Attach: steps that speak with an agent.
class FakeAttach final : public v1::Builds::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::AttachResponse, v1::AttachRequest>;
  grpc::Status Attach(grpc::ServerContext* context, Stream* stream) override {
    v1::AttachRequest first;
    stream->Read(&first);
    const auto token = context->client_metadata().find("authorization");
    attached.set_value({token == context->client_metadata().end()
                            ? ""
                            : std::string(token->second.data(), token->second.size()),
                        first});
    return talk(stream);
  }
  std::promise<std::pair<std::string, v1::AttachRequest>> attached;
  std::function<grpc::Status(Stream*)> talk;
};

class ClientServicesTest : public testing::Test {
 protected:
  ClientServicesTest() { session_ = *sessions_.Wait("s", "alice", seconds(20), {}); }
  void Without(const std::string& method) {
    ClientSession::Introduction introduction = {
        .id = "other", .shared_key = "", .methods = All(), .owner = "alice"};
    introduction.methods.erase(method);
    session_ = std::make_shared<ClientSession>(introduction, session_->channel());
  }
  static std::set<std::string, std::less<>> All() {
    return {"/moby.buildkit.secrets.v1.secrets/getsecret",
            "/moby.filesync.v1.auth/credentials",
            "/moby.filesync.v1.auth/fetchtoken",
            "/moby.upload.v1.upload/pull",
            "/containerd.services.content.v1.content/read",
            "/moby.sshforward.v1.ssh/checkagent",
            "/moby.sshforward.v1.ssh/forwardagent"};
  }
  static absl::StatusOr<std::string> All(const layer::Source& source) {
    std::string all;
    char buffer[7'777];
    while (true) {
      const auto count = source(buffer, sizeof(buffer));
      if (!count.ok()) return count.status();
      if (*count == 0) return all;
      all.append(buffer, *count);
    }
  }

  FakeSecrets secrets_;
  FakeAuth auth_;
  FakeUpload upload_;
  FakeContent content_;
  FakeAgent agent_;
  ClientSessions sessions_;
  ServedBuildKitClient client_{sessions_,
                               {.id = "s", .shared_key = "", .methods = All(), .owner = "alice"},
                               {&secrets_, &auth_, &upload_, &content_, &agent_}};
  std::shared_ptr<ClientSession> session_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
};

TEST_F(ClientServicesTest, SecretsThatTheClientHasAreRead) {
  secrets_.values = {{"token", "value"}, {"empty", ""}, {"largest", std::string(500 << 10, 's')}};
  const auto read = ReadClientSecrets(*session_, {"token", "none", "empty", "largest"}, {});
  ASSERT_OK(read.status());
  ASSERT_EQ(read->size(), 3u);
  EXPECT_EQ((*read)[0].id(), "empty");
  EXPECT_EQ((*read)[1].value().size(), size_t{500 << 10});
  EXPECT_EQ((*read)[2].value(), "value");
  secrets_.values["long"] = std::string((500 << 10) + 1, 's');
  EXPECT_TRUE(absl::IsInvalidArgument(ReadClientSecrets(*session_, {"long"}, {}).status()));
  Without("/moby.buildkit.secrets.v1.secrets/getsecret");
  EXPECT_EQ(ReadClientSecrets(*session_, {"token"}, {})->size(), 0u);
}

TEST_F(ClientServicesTest, CredentialsAreAskedForWhenTheyAreNeeded) {
  const ClientCredentials kept = CredentialsOfClient(session_, "docker.io");
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].first, "docker.io");
  EXPECT_EQ(kept[0].second.password, "");
  registry::CredentialKeeper& keeper = *kept[0].second.keeper;
  EXPECT_EQ(*keeper.FetchToken({"https://auth", "s", {"repository:a:pull"}}, {}),
            "registry-1.docker.io https://auth repository:a:pull");
  EXPECT_EQ((*keeper.Give({}))->user, "ann");
  EXPECT_EQ((*keeper.Give({}))->password, "s3cret");
  auth_.user.clear();
  EXPECT_EQ((*keeper.Give({}))->identity_token, "s3cret");
  auth_.host = "another";
  EXPECT_FALSE(keeper.Give({})->has_value());
  EXPECT_TRUE(CredentialsOfClient(nullptr, "docker.io").empty());
  Without("/moby.filesync.v1.auth/fetchtoken");
  EXPECT_TRUE(absl::IsUnimplemented(
      CredentialsOfClient(session_, "r:5000")[0].second.keeper->FetchToken({"a", "b", {"c"}}, {}).status()));
}

TEST_F(ClientServicesTest, AnUploadIsReadAsItComes) {
  const auto source = OpenClientUpload(session_, "abc", {});
  ASSERT_OK(source.status());
  const auto all = All(*source);
  ASSERT_OK(all.status());
  EXPECT_EQ(all->size(), 1'000'000u);
  EXPECT_EQ(all->substr(9'999, 2), "ab");
  upload_.breaks = true;
  EXPECT_THAT(std::string(All(*OpenClientUpload(session_, "abc", {})).status().message()),
              HasSubstr("the pipe broke"));
  EXPECT_TRUE(absl::IsNotFound(All(*OpenClientUpload(session_, "other", {})).status()));
  // What gRPC cannot send would end the process.
  EXPECT_TRUE(absl::IsInvalidArgument(OpenClientUpload(session_, "caf\xc3\xa9", {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(OpenClientUpload(session_, "a\nb", {}).status()));
}

TEST_F(ClientServicesTest, ALayoutIsFetchedOnceAndChecked) {
  const std::string layer(1'000, 'l'), config = R"({"architecture":"amd64","os":"linux"})";
  oci::ImageManifest manifest;
  manifest.config = {std::string(oci::media_type::kOciConfig), DigestOf(config), {}, {}};
  manifest.layers = {{std::string(oci::media_type::kOciLayer), DigestOf(layer), {}, {}}};
  const std::string document = oci::WriteImageManifest(manifest);
  content_.Add(layer);
  content_.Add(config);
  LayoutRequest request;
  request.store = "oci:base";
  request.digest = content_.Add(document);
  const auto root = FetchClientLayout(*session_, request, *blobs_, {});
  ASSERT_OK(root.status());
  EXPECT_EQ(*root, DigestOf(document));
  EXPECT_TRUE(blobs_->Has(DigestOf(layer)));
  EXPECT_EQ(content_.reads, 3);
  ASSERT_OK(FetchClientLayout(*session_, request, *blobs_, {}).status());
  EXPECT_EQ(content_.reads, 3);
  // Bytes that are not what they are called, too many of them, and none.
  blobs_ = MakeMemoryBlobStore();
  content_.Set(DigestOf(layer), std::string(1'000, 'x'));
  EXPECT_FALSE(FetchClientLayout(*session_, request, *blobs_, {}).ok());
  content_.Set(DigestOf(layer), std::string(100'000, 'l'));
  EXPECT_TRUE(absl::IsInvalidArgument(FetchClientLayout(*session_, request, *blobs_, {}).status()));
  content_.Remove(DigestOf(layer));
  EXPECT_TRUE(absl::IsNotFound(FetchClientLayout(*session_, request, *blobs_, {}).status()));
  request.most_bytes = 100;
  EXPECT_TRUE(
      absl::IsResourceExhausted(FetchClientLayout(*session_, request, *MakeMemoryBlobStore(), {}).status()));
  request.store = "oci:caf\xc3\xa9";
  EXPECT_TRUE(absl::IsInvalidArgument(FetchClientLayout(*session_, request, *blobs_, {}).status()));
}

TEST_F(ClientServicesTest, AgentsThatAreNotThereAreNamed) {
  EXPECT_EQ(*MissingAgents(*session_, {"default"}, {}), "");
  EXPECT_THAT(*MissingAgents(*session_, {"default", "deploy"}, {}), HasSubstr("ssh agent deploy: unset"));
  Without("/moby.sshforward.v1.ssh/checkagent");
  EXPECT_THAT(*MissingAgents(*session_, {"default"}, {}), HasSubstr("--ssh"));
}

TEST_F(ClientServicesTest, StepsReachTheAgentOverBothStreams) {
  FakeAttach farm;
  std::promise<std::string> answered;
  farm.talk = [&](FakeAttach::Stream* stream) {
    v1::AttachResponse out;
    out.set_channel(7);
    out.set_ssh_id("default");
    out.set_data("hello ");
    stream->Write(out);
    out.clear_ssh_id();
    out.set_data("agent");
    out.set_end(true);
    stream->Write(out);
    // Another one asks for an agent that was not offered.
    v1::AttachResponse other;
    other.set_channel(8);
    other.set_ssh_id("deploy");
    stream->Write(other);
    std::string all;
    bool refused = false, ended = false;
    v1::AttachRequest in;
    while ((!refused || !ended) && stream->Read(&in)) {
      if (in.channel() == 7) all += in.data();
      (in.channel() == 7 ? ended : refused) |= in.end();
    }
    answered.set_value(all);
    while (stream->Read(&in)) {
    }
    return grpc::Status::OK;
  };
  grpc::ServerBuilder builder;
  builder.RegisterService(&farm);
  const auto server = builder.BuildAndStart();
  const auto agents = ClientAgents::Offer(session_, server->InProcessChannel({}), "lent", 42, {"default"});
  ASSERT_OK(agents.status());
  const auto [token, first] = farm.attached.get_future().get();
  EXPECT_EQ(token, "Bearer lent");
  EXPECT_EQ(first.build_id(), 42);
  EXPECT_THAT(first.ssh_ids(), testing::ElementsAre("default"));
  EXPECT_EQ(answered.get_future().get(), "HELLO AGENT");
}

TEST_F(ClientServicesTest, AgentsEndWithTheSession) {
  FakeAttach farm;
  std::promise<void> ended;
  farm.talk = [&](FakeAttach::Stream* stream) {
    v1::AttachRequest in;
    while (stream->Read(&in)) {
    }
    ended.set_value();
    return grpc::Status::OK;
  };
  grpc::ServerBuilder builder;
  builder.RegisterService(&farm);
  const auto server = builder.BuildAndStart();
  const auto agents = ClientAgents::Offer(session_, server->InProcessChannel({}), "lent", 42, {"default"});
  ASSERT_OK(agents.status());
  farm.attached.get_future().get();
  client_.client().Vanish();
  ended.get_future().get();
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
