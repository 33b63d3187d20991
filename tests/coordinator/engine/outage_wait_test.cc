#include "coordinator/engine/bounds/outage_wait.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const core::StageRunId kRun{.build = 1, .stage = 2, .replica = 0};
const absl::Time kBegin = absl::FromUnixSeconds(1'700'000'000);

TEST(OutageWaitTest, KnowsAnOutageByItsWords) {
  const char* const outage =
      "reading blob x: blob x is only in the bucket, which does not give it now: no route to host";
  const OutageWait wait([] { return false; });
  EXPECT_TRUE(wait.IsOutage(outage));
  EXPECT_FALSE(wait.IsOutage("the worker gave the task up"));
  EXPECT_FALSE(OutageWait(nullptr).IsOutage(outage)) << "there is no bucket, whatever a worker says";
}

TEST(OutageWaitTest, AStageIsTriedAgainWhenTheBucketAnswersAndNowAndThenAnyway) {
  bool away = true;
  OutageWait wait([&] { return away; });
  EXPECT_TRUE(wait.Hold(kRun, kBegin));
  EXPECT_THAT(wait.TakeDue(kBegin + absl::Seconds(20)), IsEmpty());
  away = false;
  EXPECT_THAT(wait.TakeDue(kBegin + absl::Seconds(20)), ElementsAre(kRun));
  EXPECT_THAT(wait.TakeDue(kBegin + absl::Seconds(21)), IsEmpty()) << "once";
  away = true;
  EXPECT_TRUE(wait.Hold(kRun, kBegin + absl::Seconds(30)));
  EXPECT_THAT(wait.TakeDue(kBegin + absl::Seconds(60)), ElementsAre(kRun));
}

TEST(OutageWaitTest, ItDoesNotWaitForEver) {
  OutageWait wait(nullptr);
  EXPECT_TRUE(wait.Hold(kRun, kBegin));
  EXPECT_TRUE(wait.Hold(kRun, kBegin + absl::Minutes(14)));
  EXPECT_FALSE(wait.Hold(kRun, kBegin + absl::Minutes(15)));
  // Of another build nothing was held yet.
  EXPECT_TRUE(wait.Hold({.build = 2, .stage = 2, .replica = 0}, kBegin + absl::Minutes(15)));
}

TEST(OutageWaitTest, OfABuildThatHasEndedNothingIsTriedAgain) {
  OutageWait wait(nullptr);
  EXPECT_TRUE(wait.Hold(kRun, kBegin));
  wait.Forget(1);
  EXPECT_THAT(wait.TakeDue(kBegin + absl::Minutes(1)), IsEmpty());
}

}  // namespace
}  // namespace crossmill::coordinator
