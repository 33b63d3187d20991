// The deliverer with a record of its own and a client whose answers the test writes down; over sockets it is
// tested by tests/e2e/web/notices_test.py.
#include "coordinator/webhooks/deliverer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/files.h"
#include "common/base/json.h"
#include "common/words/platform.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/webhooks/signature.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using State = v1::WebhookDelivery::State;

class DelivererTest : public ::testing::Test {
 protected:
  int64_t AddHook(const std::string& url) {
    v1::Webhook webhook;
    webhook.set_url(url);
    return hooks_.Add(webhook, secret_)->id();
  }
  void EndBuild(const std::string& name, v1::BuildStatus status = v1::BUILD_STATUS_SUCCEEDED) {
    v1::BuildSubmission submission;
    submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
    submission.mutable_options()->add_tags(name);
    const int64_t id = *records_->InsertBuild(submission, "", "", 1);
    v1::BuildView view = records_->LoadView(id).value();
    view.set_status(status);
    view.set_finished_at(UnixNanos(clock_.Now()));
    v1::CellView& cell = *view.add_cells();
    *cell.mutable_platform() = *ParsePlatform("linux/amd64");
    cell.set_status(status);
    ASSERT_OK(records_->SaveView(id, view));
  }
  v1::WebhookDelivery Newest(int64_t hook) { return hooks_.Deliveries(hook, 0, 1)->at(0); }
  bool Becomes(int64_t hook, State state, uint32_t attempts) {
    return Eventually([&] {
      const v1::WebhookDelivery delivery = Newest(hook);
      return delivery.state() == state && delivery.attempts() == attempts;
    });
  }
  std::unique_ptr<Deliverer> Begin(http::HttpClient& client) {
    DelivererOptions options;
    options.look = std::chrono::milliseconds(5);
    options.retries = {absl::Seconds(5), absl::Seconds(50)};
    auto deliverer = std::make_unique<Deliverer>(hooks_, client, clock_, "0123456789abcdef", options);
    deliverer->Start();
    return deliverer;
  }

  FakeClock clock_;
  const std::string secret_ = NewWebhookSecret();
  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(":memory:");
  storage::WebhookRecords hooks_{records_->connection()};
  http::FakeHttpClient client_;
};

TEST_F(DelivererTest, AChangeIsDeliveredOnceAndSigned) {
  client_.Answer("POST http://hook/", {.status = 200, .headers = {}, .body = "thanks", .broken = {}});
  const int64_t hook = AddHook("http://hook/");
  EndBuild("app");
  const auto deliverer = Begin(client_);
  ASSERT_TRUE(Becomes(hook, v1::WebhookDelivery::STATE_DELIVERED, 1));
  deliverer->Stop();
  ASSERT_EQ(client_.requests().size(), 1u);
  const http::HttpRequest request = client_.requests()[0];
  EXPECT_EQ(http::HeaderOf(request, "webhook-id"), "msg_0123456789abcdef_1");
  EXPECT_EQ(http::HeaderOf(request, "webhook-signature"),
            *SignWebhook(secret_, http::HeaderOf(request, "webhook-id"),
                         std::stoll(http::HeaderOf(request, "webhook-timestamp")), request.body));
  EXPECT_EQ(Json::parse(request.body)["data"]["name"], "app");
}

TEST_F(DelivererTest, WhoIsAwayGetsItLaterUnderTheSameId) {
  client_.Answer("POST http://hook/",
                 {.status = 0, .headers = {}, .body = "", .broken = absl::UnavailableError("away")});
  client_.Answer("POST http://hook/", {.status = 503, .headers = {}, .body = "", .broken = {}});
  client_.Answer("POST http://hook/", {.status = 204, .headers = {}, .body = "", .broken = {}});
  const int64_t hook = AddHook("http://hook/");
  EndBuild("app");
  const auto deliverer = Begin(client_);
  ASSERT_TRUE(Becomes(hook, v1::WebhookDelivery::STATE_PENDING, 1));
  EXPECT_EQ(Newest(hook).problem(), "away");
  clock_.Advance(absl::Seconds(5));
  ASSERT_TRUE(Becomes(hook, v1::WebhookDelivery::STATE_PENDING, 2));
  EXPECT_EQ(Newest(hook).status(), 503);
  clock_.Advance(absl::Seconds(50));
  ASSERT_TRUE(Becomes(hook, v1::WebhookDelivery::STATE_DELIVERED, 3));
  deliverer->Stop();
  const auto requests = client_.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(http::HeaderOf(requests[0], "webhook-id"), http::HeaderOf(requests[2], "webhook-id"));
  EXPECT_EQ(requests[0].body, requests[2].body);
  EXPECT_NE(http::HeaderOf(requests[0], "webhook-timestamp"),
            http::HeaderOf(requests[2], "webhook-timestamp"));
}

TEST_F(DelivererTest, ItIsGivenUpAtLastAndDeliveredAgainWhenSomebodyAsks) {
  client_.Answer("POST http://hook/", {.status = 500, .headers = {}, .body = "", .broken = {}});
  const int64_t hook = AddHook("http://hook/");
  EndBuild("app");
  const auto deliverer = Begin(client_);
  ASSERT_TRUE(Becomes(hook, v1::WebhookDelivery::STATE_PENDING, 1));
  clock_.Advance(absl::Seconds(5));
  ASSERT_TRUE(Becomes(hook, v1::WebhookDelivery::STATE_PENDING, 2));
  clock_.Advance(absl::Seconds(50));
  ASSERT_TRUE(Becomes(hook, v1::WebhookDelivery::STATE_FAILED, 3));
  ASSERT_OK(hooks_.Redeliver(Newest(hook).id(), UnixNanos(clock_.Now())));
  deliverer->Wake();
  EXPECT_TRUE(Becomes(hook, v1::WebhookDelivery::STATE_PENDING, 1));
}

TEST_F(DelivererTest, OnesOwnDeliveriesComeOneAfterTheOther) {
  client_.Answer("POST http://hook/", {.status = 200, .headers = {}, .body = "", .broken = {}});
  const int64_t hook = AddHook("http://hook/");
  for (int i = 0; i < 20; ++i) EndBuild("app" + std::to_string(i));
  const auto deliverer = Begin(client_);
  ASSERT_TRUE(Eventually([&] { return hooks_.List()->at(0).pending() == 0; }));
  deliverer->Stop();
  const auto requests = client_.requests();
  ASSERT_EQ(requests.size(), 20u);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(http::HeaderOf(requests[i], "webhook-id"), "msg_0123456789abcdef_" + std::to_string(i + 1));
  EXPECT_EQ(hooks_.Deliveries(hook, 0, 100)->size(), 20u);
}

// URLs such as those of chats let whoever knows them write there.
TEST_F(DelivererTest, OfAUrlOnlyTheServerIsInProblemsAndTheLog) {
  // Nobody listens there: the port is bound.
  const UniqueFd taken(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(taken.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string server = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const auto rules = AddressRules::Allowing({"127.0.0.1"});
  ASSERT_OK(rules);
  const auto client = MakeWebhookClient(*rules);
  for (const std::string& url : {server + "/services/hidden", server + "?key=hidden"}) {
    const int64_t hook = AddHook(url);
    EndBuild("app" + std::to_string(hook));
    // Without SetUpLog it goes there.
    testing::internal::CaptureStdout();
    auto deliverer = Begin(*client);
    const bool failed = Becomes(hook, v1::WebhookDelivery::STATE_PENDING, 1);
    deliverer.reset();
    const std::string log = testing::internal::GetCapturedStdout();
    ASSERT_TRUE(failed);
    EXPECT_THAT(Newest(hook).problem(), HasSubstr("POST " + server + ":"));
    EXPECT_THAT(Newest(hook).problem(), Not(HasSubstr("hidden")));
    EXPECT_THAT(log, HasSubstr("failed: POST " + server + ":"));
    EXPECT_THAT(log, Not(HasSubstr("hidden")));
  }
}

// The name is public, or could be; what is connected to is not.
TEST_F(DelivererTest, TheRealClientConnectsOnlyWhereItMay) {
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener.get(), 4), 0);
  ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string server = "http://localhost:" + std::to_string(ntohs(address.sin_port));
  const int64_t hook = AddHook(server + "/T0/hidden?key=hidden");
  EndBuild("app");
  const auto client = MakeWebhookClient(AddressRules());
  const auto deliverer = Begin(*client);
  ASSERT_TRUE(Becomes(hook, v1::WebhookDelivery::STATE_PENDING, 1));
  EXPECT_THAT(Newest(hook).problem(), HasSubstr("is no public address"));
  EXPECT_THAT(Newest(hook).problem(), HasSubstr(server + ":"));
  EXPECT_THAT(Newest(hook).problem(), Not(HasSubstr("hidden")));
  sockaddr_in peer = {};
  socklen_t peer_size = sizeof(peer);
  fcntl(listener.get(), F_SETFL, O_NONBLOCK);
  EXPECT_EQ(accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer), &peer_size, SOCK_NONBLOCK), -1)
      << "nobody connected";
}

}  // namespace
}  // namespace crossmill::coordinator
