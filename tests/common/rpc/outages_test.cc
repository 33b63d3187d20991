#include "common/rpc/outages.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/repeatable.h"
#include "common/rpc/retry.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/matrix.pb.h"
#include "crossmill/v1/notices.pb.h"
#include "crossmill/v1/people.pb.h"
#include "crossmill/v1/retention.pb.h"

namespace crossmill::rpc {
namespace {

// As gRPC says it.
const absl::Status kClosed = absl::UnavailableError("Socket closed");
const absl::Status kRefused = absl::UnavailableError(
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote "
    "host: Connection refused");
const absl::Status kClosedAtOnce = absl::UnavailableError(
    "failed to connect to all addresses; last error: UNAVAILABLE: ipv4:127.0.0.1:1: Connection reset by "
    "peer");
const absl::Status kBusy = absl::UnavailableError("the coordinator is shutting down");

class OutagesTest : public testing::Test {
 protected:
  bool GoesOn(const absl::Status& status, int seconds, bool awaits_start = false) {
    return outages_.GoesOn(status, absl::Seconds(seconds), awaits_start);
  }

  std::vector<std::string> told_;
  Outages outages_{{.lost = absl::Seconds(100), .unknown = absl::Seconds(30), .busy = absl::Seconds(10)},
                   [this](std::string_view text) { told_.emplace_back(text); }};
};

TEST_F(OutagesTest, WhereNobodyListensNothingIsTriedAgain) {
  EXPECT_FALSE(GoesOn(kRefused, 0));
  EXPECT_FALSE(GoesOn(kBusy, 0));
  EXPECT_EQ(told_, std::vector<std::string>());
  EXPECT_EQ(outages_.gave_up(), absl::ZeroDuration()) << "there was nothing to give up";
}

TEST_F(OutagesTest, ThatACoordinatorStartsIsAwaitedForAWhile) {
  EXPECT_TRUE(GoesOn(kRefused, 9, true));
  EXPECT_FALSE(GoesOn(kRefused, 10, true));
}

TEST_F(OutagesTest, WhoIsSentAwayBeforeTheFirstAnswerComesAgain) {
  EXPECT_TRUE(GoesOn(kClosed, 29));
  EXPECT_TRUE(GoesOn(kClosedAtOnce, 29));
  EXPECT_FALSE(GoesOn(kClosedAtOnce, 30));
  EXPECT_EQ(outages_.gave_up(), absl::Seconds(30));
}

TEST_F(OutagesTest, WhoHadAnAnswerTriesForLonger) {
  outages_.Answered();
  for (const absl::Status& status : {kClosed, kRefused, kClosedAtOnce}) EXPECT_TRUE(GoesOn(status, 99));
  EXPECT_TRUE(GoesOn(kBusy, 9));
  EXPECT_FALSE(GoesOn(kBusy, 10)) << "the connection is there";
  EXPECT_FALSE(GoesOn(absl::UnavailableError("registry.example: Connection reset by peer"), 10))
      << "it is the registry's";
  EXPECT_FALSE(GoesOn(kRefused, 100));
}

TEST_F(OutagesTest, ItIsToldOnce) {
  outages_.Answered();
  for (int second = 0; second < 5; ++second) GoesOn(kClosed, second);
  EXPECT_EQ(told_,
            std::vector<std::string>{
                "the connection to the coordinator is lost; trying again for up to 100 s (Socket closed)"});
  outages_.Answered();
  GoesOn(kClosed, 0);
  EXPECT_EQ(told_.size(), 2u) << "that is another one";
}

TEST_F(OutagesTest, WhoIsToldCanChange) {
  std::vector<std::string> shown;
  outages_.Answered();
  Outages::Tell former = outages_.TellTo([&](std::string_view text) { shown.emplace_back(text); });
  GoesOn(kClosed, 0);
  outages_.TellTo(std::move(former));
  outages_.Answered();
  GoesOn(kClosed, 0);
  EXPECT_EQ(shown.size(), 1u);
  EXPECT_EQ(told_.size(), 1u);
}

TEST(NeverSentTest, OnlyWhereNoConnectionWasMade) {
  EXPECT_TRUE(NeverSent(kRefused));
  EXPECT_TRUE(NeverSent(kClosedAtOnce));
  EXPECT_FALSE(NeverSent(kClosed));
}

TEST(BackoffTest, ATimeInPlaceOfACount) {
  RetryPolicy policy;
  policy.attempts = 1;
  policy.first_wait = policy.longest_wait = absl::Milliseconds(1);
  policy.outages = std::make_shared<Outages>(OutageLimits{.lost = absl::Hours(1)});
  policy.outages->Answered();
  Backoff backoff(policy);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(backoff.Wait(kClosed));
}

TEST(BackoffTest, AStopEndsTheWait) {
  RetryPolicy policy;
  policy.first_wait = absl::Hours(1);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(Backoff(policy).Wait(kClosed, stop.get_token()));
}

TEST(RepeatableTest, WhatReadsAndWhatSaysSo) {
  EXPECT_TRUE(IsRepeatable(*v1::ListBuildsRequest::descriptor()));
  EXPECT_TRUE(IsRepeatable(*v1::ListTokensRequest::descriptor()));
  EXPECT_TRUE(IsRepeatable(*v1::ListWebhooksRequest::descriptor()));
  EXPECT_TRUE(IsRepeatable(*v1::ListPoliciesRequest::descriptor()));
  EXPECT_TRUE(IsRepeatable(*v1::GetMatrixRequest::descriptor()));
  EXPECT_TRUE(IsRepeatable(*v1::SubmitBuildRequest::descriptor())) << "it has a key";
  EXPECT_FALSE(IsRepeatable(*v1::CreateTokenRequest::descriptor()));
  EXPECT_FALSE(IsRepeatable(*v1::CancelBuildRequest::descriptor()));
  EXPECT_FALSE(IsRepeatable(*v1::BuildView::descriptor())) << "no request";
}

}  // namespace
}  // namespace crossmill::rpc
