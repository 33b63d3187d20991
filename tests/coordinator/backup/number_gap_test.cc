#include "coordinator/backup/number_gap.h"

#include <gtest/gtest.h>

namespace crossmill::backup {
namespace {

TEST(NumberGapTest, AQuietFarmLeavesAThousandOut) {
  const auto skip = NumbersToSkip({.last = {{"builds", 12}}, .builds_of_day = 0, .elapsed_seconds = 0});
  EXPECT_EQ(skip.at("builds"), 2000);
}

TEST(NumberGapTest, WhatWasGivenSinceIsBelowForAsBusyAFarm) {
  // 5000 builds a day, three days without a backup.
  const auto skip =
      NumbersToSkip({.last = {{"builds", 100'000}}, .builds_of_day = 5000, .elapsed_seconds = 3 * 86400});
  EXPECT_GE(skip.at("builds"), 100'000 + 2 * 15'000);
  EXPECT_LE(skip.at("builds"), 100'000 + 2 * 15'000 + 2000);
}

TEST(NumberGapTest, TablesWithMoreNumbersForEachBuildLeaveMoreOut) {
  const auto skip = NumbersToSkip({.last = {{"builds", 100}, {"executions", 2000}, {"webhooks", 1}},
                                   .builds_of_day = 0,
                                   .elapsed_seconds = 0});
  EXPECT_GE(skip.at("executions"), 2000 + 20 * 1000);
  EXPECT_GE(skip.at("webhooks"), 1001);
}

TEST(NumberGapTest, LeasesThatBeginAtTheTimeOfDayStayNearIt) {
  const int64_t lease = 1'790'000'000'000;
  const auto skip =
      NumbersToSkip({.last = {{"builds", 10}, {"leases", lease}}, .builds_of_day = 0, .elapsed_seconds = 0});
  EXPECT_GT(skip.at("leases"), lease);
  EXPECT_LT(skip.at("leases"), lease + 10'000);
}

TEST(NumberGapTest, AClockThatWentBackAndAnAbsurdRecordOverflowNothing) {
  const auto back =
      NumbersToSkip({.last = {{"builds", 5}}, .builds_of_day = 1000, .elapsed_seconds = -86400});
  EXPECT_EQ(back.at("builds"), 2000);
  const auto much = NumbersToSkip({.last = {{"builds", 1}, {"executions", int64_t{1} << 50}},
                                   .builds_of_day = int64_t{1} << 40,
                                   .elapsed_seconds = int64_t{1} << 40});
  EXPECT_GT(much.at("executions"), int64_t{1} << 50);
  EXPECT_LT(much.at("executions"), int64_t{1} << 51);
}

}  // namespace
}  // namespace crossmill::backup
