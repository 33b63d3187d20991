#include "coordinator/core/fairness/fair_clock.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "coordinator/core/fairness/project_shares.h"

namespace crossmill::core {
namespace {

class FairClockTest : public ::testing::Test {
 protected:
  void Begin(const std::string& project, double share = 1) { clock_.Begin(++last_, project, share, now_); }
  void Pass(int seconds) {
    now_ += absl::Seconds(seconds);
    clock_.Advance(now_);
  }

  FairClock clock_;
  uint64_t last_ = 0;
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

TEST_F(FairClockTest, WhoWasGivenLessIsFirst) {
  clock_.Wait("a");
  clock_.Wait("b");
  EXPECT_EQ(clock_.Lead("a"), 0);
  Begin("a");
  EXPECT_EQ(clock_.Lead("a"), 10);
  EXPECT_EQ(clock_.CountBefore("a"), 1u);
  EXPECT_EQ(clock_.Lead("b"), 0);
  EXPECT_EQ(clock_.CountBefore("b"), 0u);
}

TEST_F(FairClockTest, WhatCountsIsWhatWasUsed) {
  clock_.Wait("a");
  clock_.Wait("b");
  Begin("a");
  Begin("b");
  Pass(3);
  clock_.End(1, now_);  // a: 3 s
  EXPECT_EQ(clock_.Lead("b"), 7);
  Pass(32);
  clock_.End(2, now_);  // b: 35 s
  EXPECT_EQ(clock_.Lead("b"), 32);
  EXPECT_EQ(clock_.Lead("a"), 0);
}

TEST_F(FairClockTest, WhatRunsIsChargedAsItGoesOn) {
  clock_.Wait("a");
  clock_.Wait("b");
  Begin("a");
  Pass(10);
  EXPECT_EQ(clock_.Lead("a"), 20);
  // Nobody asked for a day.
  Pass(86400);
  EXPECT_EQ(clock_.Lead("a"), 86420);
}

TEST_F(FairClockTest, TwiceTheShareIsTwiceAsMuch) {
  clock_.Wait("a");
  clock_.Wait("b");
  Begin("a", 2);
  Begin("a", 2);
  Begin("b", 1);
  EXPECT_EQ(clock_.Lead("a"), clock_.Lead("b"));
}

TEST_F(FairClockTest, WhoDidNotWaitHasSavedNothing) {
  clock_.Wait("a");
  for (int i = 0; i < 100; ++i) Begin("a");
  clock_.Wait("b");
  EXPECT_EQ(clock_.Lead("b"), 0);
  EXPECT_EQ(clock_.Lead("a"), 0);
}

TEST_F(FairClockTest, WhoStopsWaitingForAMomentIsNotForgiven) {
  clock_.Wait("a");
  clock_.Wait("b");
  for (int i = 0; i < 5; ++i) Begin("a");
  clock_.StopWaiting("a");
  clock_.Wait("a");
  EXPECT_EQ(clock_.Lead("a"), 50);
  // Not when everything has ended either, as long as another waits.
  Pass(10);
  for (uint64_t holding = 1; holding <= 5; ++holding) clock_.End(holding, now_);
  clock_.StopWaiting("a");
  clock_.Wait("a");
  EXPECT_EQ(clock_.Lead("a"), 50);
}

// Who waits for one worker of many while the others serve the rest must not have all of them afterwards.
TEST_F(FairClockTest, WhoWaitsForSomethingElseSavesNothing) {
  clock_.Wait("odd");
  clock_.Wait("a");
  for (int i = 0; i < 50; ++i) {
    Begin("a");
    Pass(100);
    clock_.End(last_, now_);
  }
  // One task of a hundred seconds, not five thousand.
  EXPECT_LE(clock_.Lead("a"), 110);
  EXPECT_EQ(clock_.Lead("odd"), 0);
  clock_.Wait("new");
  EXPECT_EQ(clock_.Lead("new"), 0);
  EXPECT_LE(clock_.Lead("a"), 110);
}

TEST_F(FairClockTest, WhereNobodyWaitedNothingIsOwed) {
  clock_.Wait("a");
  for (int i = 0; i < 5; ++i) Begin("a");
  clock_.StopWaiting("a");
  clock_.Wait("b");
  clock_.Wait("a");
  EXPECT_EQ(clock_.Lead("a"), 0);
  EXPECT_EQ(clock_.Lead("b"), 0);
}

TEST_F(FairClockTest, ATimeThatGoesBackTakesNothingBack) {
  clock_.Wait("a");
  clock_.Wait("b");
  Begin("a");
  clock_.End(1, now_ - absl::Hours(1));
  EXPECT_EQ(clock_.Lead("a"), 0);
  clock_.End(1, now_);
  clock_.StopWaiting("never");
  EXPECT_EQ(clock_.Lead("never"), 0);
}

TEST(ProjectSharesTest, HostileSharesAreBounded) {
  ProjectTerms terms;
  for (const double share : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    terms.Set("a", {.share = share});
    ProjectShares shares(&terms, 0);
    shares.Wait("a", "x", false);
    shares.Wait("b", "x", false);
    shares.Begin(1, {"a", "x"}, absl::FromUnixSeconds(1000));
    EXPECT_TRUE(std::isfinite(shares.Lead("a", "x", false))) << share;
    EXPECT_GT(shares.Lead("a", "x", false), 0) << share;
  }
}

TEST(ProjectSharesTest, ALimitHoldsOverAllCapacities) {
  ProjectTerms terms;
  terms.Set("a", {.most_running = 2});
  ProjectShares shares(&terms, 0);
  shares.Begin(1, {"a", "x"}, absl::FromUnixSeconds(1000));
  EXPECT_TRUE(shares.MayRun("a"));
  shares.Begin(2, {"a", "y", true}, absl::FromUnixSeconds(1000));
  EXPECT_FALSE(shares.MayRun("a"));
  EXPECT_TRUE(shares.MayRun("b"));
  shares.End(1, absl::FromUnixSeconds(1001));
  EXPECT_TRUE(shares.MayRun("a"));
  terms.Set("a", {.most_running = 1});
  EXPECT_FALSE(shares.MayRun("a"));
  terms.Reset("a");
  EXPECT_TRUE(shares.MayRun("a"));
}

}  // namespace
}  // namespace crossmill::core
