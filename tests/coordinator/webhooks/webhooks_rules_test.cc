#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "coordinator/webhooks/address_rules.h"
#include "coordinator/webhooks/deliverer.h"
#include "coordinator/webhooks/signature.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

// The example of the Standard Webhooks libraries.
TEST(SignatureTest, IsWhatReceiversExpect) {
  EXPECT_EQ(*SignWebhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                         "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(SignatureTest, SecretsAreRandomAndOthersAreNone) {
  const std::string secret = NewWebhookSecret();
  EXPECT_TRUE(secret.starts_with("whsec_"));
  EXPECT_NE(secret, NewWebhookSecret());
  EXPECT_OK(SignWebhook(secret, "i", 1, "b"));
  for (const char* none : {"", "whsec_", "whsec_%%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
    EXPECT_FALSE(SignWebhook(none, "i", 1, "b").ok()) << none;
}

std::string Refusal(const AddressRules& rules, const std::string& address) {
  sockaddr_storage storage = {};
  auto& four = reinterpret_cast<sockaddr_in&>(storage);
  auto& six = reinterpret_cast<sockaddr_in6&>(storage);
  if (inet_pton(AF_INET, address.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, address.c_str(), &six.sin6_addr), 1) << address;
    six.sin6_family = AF_INET6;
  }
  return rules.Refusal(reinterpret_cast<const sockaddr&>(storage));
}

TEST(AddressRulesTest, OnlyPublicAddresses) {
  const AddressRules rules;
  for (const char* address : {"127.0.0.1",
                              "127.255.255.254",
                              "10.1.2.3",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.1.1",
                              "169.254.169.254",
                              "0.0.0.0",
                              "100.64.0.1",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::1",
                              "::",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "::127.0.0.1",
                              "fe80::1",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "2002:7f00:1::",
                              "64:ff9b::7f00:1",
                              "2001:db8::1"}) {
    EXPECT_NE(Refusal(rules, address), "") << address;
  }
  for (const char* address : {"1.1.1.1", "8.8.8.8", "172.32.0.1", "172.15.255.255", "192.167.1.1", "11.0.0.1",
                              "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450::1"}) {
    EXPECT_EQ(Refusal(rules, address), "") << address;
  }
  sockaddr other = {};
  other.sa_family = AF_UNIX;
  EXPECT_NE(rules.Refusal(other), "");
}

TEST(AddressRulesTest, NetworksThatTheOperatorAllows) {
  const auto rules = AddressRules::Allowing({"10.0.0.0/9", "127.0.0.1", "fd00::/8"});
  ASSERT_OK(rules);
  EXPECT_EQ(Refusal(*rules, "10.127.255.255"), "");
  EXPECT_NE(Refusal(*rules, "10.128.0.0"), "");
  EXPECT_EQ(Refusal(*rules, "127.0.0.1"), "");
  EXPECT_EQ(Refusal(*rules, "::ffff:127.0.0.1"), "");
  EXPECT_NE(Refusal(*rules, "127.0.0.2"), "");
  EXPECT_EQ(Refusal(*rules, "fd00::1"), "");
  EXPECT_NE(Refusal(*rules, "fc00::1"), "");
  EXPECT_THAT(Refusal(*rules, "192.168.0.1"), HasSubstr("--webhook-allow"));
  for (const char* none : {"", "localhost", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "::/129"})
    EXPECT_TRUE(absl::IsInvalidArgument(AddressRules::Allowing({none}).status())) << none;
}

TEST(WebhookUrlTest, HttpWithoutLogin) {
  EXPECT_OK(CheckWebhookUrl("https://example.org/hook?x=1"));
  EXPECT_OK(CheckWebhookUrl("http://[::1]:8080/"));
  for (const char* url :
       {"", "example.org", "ftp://example.org/", "file:///etc/passwd", "https://u:p@example.org/",
        "https://example.org/#x", "https://example.org/ x", "https://example.org/\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckWebhookUrl(url))) << url;
  }
  EXPECT_FALSE(CheckWebhookUrl("https://example.org/" + std::string(3000, 'a')).ok());
}

TEST(JudgeAttemptTest, WhatIsTakenWhatComesAgainAndWhatIsGivenUp) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  const std::vector<absl::Duration> retries = {absl::Seconds(5), absl::Minutes(5)};
  EXPECT_EQ(JudgeAttempt(204, 0, now, retries).state, v1::WebhookDelivery::STATE_DELIVERED);
  const auto first = JudgeAttempt(500, 0, now, retries);
  EXPECT_EQ(first.state, v1::WebhookDelivery::STATE_PENDING);
  EXPECT_EQ(first.next_attempt_at, UnixNanos(now + absl::Seconds(5)));
  EXPECT_EQ(JudgeAttempt(500, 1, now, retries).next_attempt_at, UnixNanos(now + absl::Minutes(5)));
  EXPECT_EQ(JudgeAttempt(500, 2, now, retries).state, v1::WebhookDelivery::STATE_FAILED);
  EXPECT_THAT(JudgeAttempt(302, 0, now, retries).problem, HasSubstr("not followed"));
  EXPECT_EQ(JudgeAttempt(410, 0, now, retries).state, v1::WebhookDelivery::STATE_FAILED);
  const auto none = JudgeAttempt(absl::UnavailableError("nobody is there"), 0, now, retries);
  EXPECT_EQ(none.status, 0);
  EXPECT_EQ(none.problem, "nobody is there");
}

}  // namespace
}  // namespace crossmill::coordinator
