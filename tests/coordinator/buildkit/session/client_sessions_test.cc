#include "coordinator/buildkit/session/client_sessions.h"

#include <dirent.h>

#include <future>

#include "moby/buildkit/secrets/v1/secrets_service.grpc.pb.h"
#include "tests/coordinator/buildkit/fake_buildkit_client.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace secrets = ::moby::buildkit::secrets::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;

class EchoSecrets final : public secrets::Secrets::Service {
 public:
  grpc::Status GetSecret(grpc::ServerContext* context, const secrets::GetSecretRequest* request,
                         secrets::GetSecretResponse* response) override {
    if (request->id() == "never") {
      while (!context->IsCancelled()) std::this_thread::sleep_for(milliseconds(5));
      return grpc::Status::CANCELLED;
    }
    response->set_data(std::string(1 << 20, 'x') + request->id());
    return grpc::Status::OK;
  }
};

grpc::Status Ask(ClientSession& session, const std::string& id, std::string* data = nullptr) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(20));
  secrets::GetSecretRequest request;
  request.set_id(id);
  secrets::GetSecretResponse response;
  const grpc::Status status =
      secrets::Secrets::NewStub(session.channel())->GetSecret(&context, request, &response);
  if (data != nullptr) *data = response.data();
  return status;
}

int CountEntries(const char* folder) {
  int count = 0;
  DIR* stream = opendir(folder);
  while (readdir(stream) != nullptr) ++count;
  closedir(stream);
  return count;
}

class ClientSessionsTest : public testing::Test {
 protected:
  static ClientSession::Introduction Named(const std::string& id, const std::string& owner = "alice") {
    return {.id = id,
            .shared_key = "",
            .methods = {"/moby.buildkit.secrets.v1.secrets/getsecret"},
            .owner = owner};
  }
  std::shared_ptr<ClientSession> Find(const std::string& id, const std::string& owner = "alice") {
    auto session = sessions_.Wait(id, owner, seconds(20), {});
    EXPECT_OK(session.status());
    return session.ok() ? *session : nullptr;
  }

  EchoSecrets service_;
  ClientSessions sessions_{{.most = 8, .most_of_owner = 4, .patience = seconds(10)}};
};

TEST_F(ClientSessionsTest, CallsReachTheClientThroughItsSession) {
  ServedBuildKitClient client(sessions_, Named("one"), {&service_});
  const auto session = Find("one");
  std::string data;
  ASSERT_TRUE(Ask(*session, "token", &data).ok());
  EXPECT_EQ(data.size(), (1u << 20) + 5);
  EXPECT_TRUE(session->Serves("/moby.buildkit.secrets.v1.Secrets/GetSecret"));
  EXPECT_FALSE(session->Serves("/moby.sshforward.v1.SSH/CheckAgent"));
  EXPECT_OK(client.End());
  EXPECT_TRUE(session->ended().stop_requested());
  EXPECT_EQ(Ask(*session, "token").error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(sessions_.size(), 0u);
}

TEST_F(ClientSessionsTest, WhoWaitsGetsASessionThatComesLater) {
  auto waiting =
      std::async(std::launch::async, [&] { return sessions_.Wait("late", "alice", seconds(20), {}); });
  std::this_thread::sleep_for(milliseconds(20));
  ServedBuildKitClient client(sessions_, Named("late"), {&service_});
  const auto found = waiting.get();
  ASSERT_OK(found.status());
  EXPECT_EQ((*found)->id(), "late");
}

TEST_F(ClientSessionsTest, NobodyFindsTheSessionOfAnother) {
  ServedBuildKitClient client(sessions_, Named("hers", "alice"), {&service_});
  Find("hers");
  const auto taken = sessions_.Wait("hers", "mallory", milliseconds(20), {});
  EXPECT_TRUE(absl::IsNotFound(taken.status()));
  EXPECT_EQ(taken.status().message(), "no active session for hers");
}

TEST_F(ClientSessionsTest, TwoCallersMayUseTheSameId) {
  ServedBuildKitClient first(sessions_, Named("same", "alice"), {&service_});
  ServedBuildKitClient second(sessions_, Named("same", "bob"), {&service_});
  EXPECT_NE(Find("same", "alice"), Find("same", "bob"));
  ServedBuildKitClient third(sessions_, Named("same", "bob"), {&service_});
  EXPECT_TRUE(absl::IsAlreadyExists(third.Join()));
}

TEST_F(ClientSessionsTest, WaitingEndsWhenItIsStopped) {
  std::stop_source stop;
  auto waiting = std::async(std::launch::async,
                            [&] { return sessions_.Wait("none", "alice", seconds(600), stop.get_token()); });
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(waiting.get().status()));
}

TEST_F(ClientSessionsTest, LimitsAreForOneOwnerAndForAll) {
  std::vector<std::unique_ptr<ServedBuildKitClient>> clients;
  const auto add = [&](const std::string& owner) {
    const std::string id = "s" + std::to_string(clients.size());
    clients.push_back(std::make_unique<ServedBuildKitClient>(sessions_, Named(id, owner),
                                                             std::vector<grpc::Service*>{&service_}));
    return id;
  };
  for (int i = 0; i < 4; ++i) Find(add("alice"), "alice");
  add("alice");
  EXPECT_TRUE(absl::IsResourceExhausted(clients.back()->Join()));
  for (int i = 0; i < 4; ++i) Find(add("bob"), "bob");
  add("carol");
  EXPECT_TRUE(absl::IsResourceExhausted(clients.back()->Join()));
  // There is room again when one has gone.
  EXPECT_OK(clients.front()->End());
  EXPECT_TRUE(Eventually([&] { return sessions_.size() == 7; }));
  Find(add("carol"), "carol");
}

TEST_F(ClientSessionsTest, ClientThatVanishesEndsTheCallsOnIt) {
  ServedBuildKitClient client(sessions_, Named("one"), {&service_});
  const auto session = Find("one");
  auto asked = std::async(std::launch::async, [&] { return Ask(*session, "never"); });
  std::this_thread::sleep_for(milliseconds(50));
  client.client().Vanish();
  EXPECT_EQ(asked.get().error_code(), grpc::StatusCode::UNAVAILABLE);
  client.Join().IgnoreError();
  EXPECT_TRUE(session->ended().stop_requested());
}

TEST_F(ClientSessionsTest, StopEndsAllAndRefusesWhatComes) {
  ServedBuildKitClient client(sessions_, Named("one"), {&service_});
  const auto session = Find("one");
  auto asked = std::async(std::launch::async, [&] { return Ask(*session, "never"); });
  sessions_.Stop();
  EXPECT_TRUE(absl::IsCancelled(client.Join()));
  EXPECT_FALSE(asked.get().ok());
  ServedBuildKitClient late(sessions_, Named("two"), {&service_});
  EXPECT_TRUE(absl::IsUnavailable(late.Join()));
}

TEST_F(ClientSessionsTest, SessionsOfOneOwnerEndWithHisRights) {
  ServedBuildKitClient alices(sessions_, Named("one", "alice"), {&service_});
  ServedBuildKitClient bobs(sessions_, Named("two", "bob"), {&service_});
  Find("one", "alice");
  const auto stays = Find("two", "bob");
  sessions_.EndOf("alice");
  EXPECT_TRUE(absl::IsCancelled(alices.Join()));
  EXPECT_TRUE(Ask(*stays, "x").ok());
}

// A client that takes nothing and sends nothing holds its own call only, and leaves nothing behind.
TEST_F(ClientSessionsTest, NothingIsLeftOfManySessions) {
  { ServedBuildKitClient warm(sessions_, Named("warm"), {&service_}); }
  const int threads = CountEntries("/proc/self/task"), files = CountEntries("/proc/self/fd");
  for (int i = 0; i < 40; ++i) {
    ServedBuildKitClient client(sessions_, Named("s" + std::to_string(i)), {&service_});
    const auto session = Find("s" + std::to_string(i));
    EXPECT_TRUE(Ask(*session, "x").ok());
    if (i % 2 == 0) client.client().Vanish();
  }
  EXPECT_EQ(sessions_.size(), 0u);
  // gRPC closes its ends on threads of its own.
  EXPECT_TRUE(Eventually([&] { return CountEntries("/proc/self/fd") <= files + 4; }));
  EXPECT_TRUE(Eventually([&] { return CountEntries("/proc/self/task") <= threads + 8; }));
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
