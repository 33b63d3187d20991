#include "coordinator/health/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;
using Stage = Readiness::Stage;

TEST(ReadinessTest, SaysWhyFromStartToEnd) {
  bool full = false;
  Readiness readiness([&full] { return full; });
  EXPECT_THAT(readiness.Reasons(), ElementsAre(StartsWith("starting: ")));
  readiness.Enter(Stage::kServing);
  EXPECT_THAT(readiness.Reasons(), IsEmpty());
  full = true;
  EXPECT_THAT(readiness.Reasons(), ElementsAre(StartsWith("disk: ")));
  EXPECT_TRUE(readiness.serves()) << "the services still answer";
  readiness.Enter(Stage::kStopping);
  EXPECT_THAT(readiness.Reasons(), ElementsAre(StartsWith("stopping: "), StartsWith("disk: ")));
  full = false;
  EXPECT_THAT(readiness.Reasons(), ElementsAre(StartsWith("stopping: ")));
}

TEST(ReadinessTest, WhatFailedOrStopsIsNeverServedAgain) {
  Readiness readiness(nullptr);
  readiness.Enter(Stage::kServing);
  readiness.Enter(Stage::kRecordFailed);
  readiness.Enter(Stage::kStopping);
  readiness.Enter(Stage::kServing);
  EXPECT_FALSE(readiness.serves());
  EXPECT_THAT(readiness.Reasons(), ElementsAre(StartsWith("record: ")));
}

TEST(ReadinessTest, TheListenerHearsTheStateAndEachChange) {
  Readiness readiness(nullptr);
  std::vector<bool> heard;
  readiness.Tell([&heard](bool serves) { heard.push_back(serves); });
  readiness.Enter(Stage::kServing);
  readiness.Enter(Stage::kServing);
  readiness.Enter(Stage::kStopping);
  EXPECT_THAT(heard, ElementsAre(false, true, false));
  readiness.Tell(nullptr);
  readiness.Enter(Stage::kRecordFailed);
  EXPECT_EQ(heard.size(), 3u);
}

// The record can fail before anything serves: what is told then must stay so.
TEST(ReadinessTest, AFailureBeforeTheStartStays) {
  Readiness readiness(nullptr);
  readiness.Enter(Stage::kRecordFailed);
  readiness.Enter(Stage::kServing);
  EXPECT_FALSE(readiness.serves());
}

}  // namespace
}  // namespace crossmill::coordinator
