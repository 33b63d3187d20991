#include "coordinator/core/standing/worker_health.h"

#include <gtest/gtest.h>

namespace crossmill::core {
namespace {

class WorkerHealthTest : public ::testing::Test {
 protected:
  void Fail(int64_t build, absl::Duration later = absl::ZeroDuration()) {
    now_ += later;
    health_.Failed("w1", build, "no space left on device", now_);
  }
  bool Rests() { return health_.Find("w1", now_).has_value(); }

  WorkerHealth health_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(WorkerHealthTest, ThreeFailuresInARowOfTwoBuildsAreARest) {
  const uint64_t before = health_.changes();
  Fail(1);
  Fail(1);
  EXPECT_FALSE(Rests());
  EXPECT_EQ(health_.changes(), before);
  Fail(2);
  ASSERT_TRUE(Rests());
  EXPECT_NE(health_.changes(), before);
  const Unfitness unfit = *health_.Find("w1", now_);
  EXPECT_NE(unfit.reason.find("3 tasks in a row"), std::string::npos) << unfit.reason;
  EXPECT_NE(unfit.reason.find("no space left on device"), std::string::npos) << unfit.reason;
  EXPECT_EQ(unfit.until, now_ + absl::Minutes(1));
  EXPECT_EQ(health_.NextChange(now_), unfit.until);
  EXPECT_FALSE(health_.Find("w2", now_).has_value());
}

// A blob that is gone fails its build everywhere.
TEST_F(WorkerHealthTest, OneBuildAloneSaysNothing) {
  for (int i = 0; i < 20; ++i) Fail(1);
  EXPECT_FALSE(Rests());
}

TEST_F(WorkerHealthTest, RestsDoubleUntilACommandIsExecuted) {
  Fail(1);
  Fail(2);
  Fail(3);
  absl::Duration rest = absl::Minutes(1);
  for (int i = 0; i < 8; ++i) {
    const absl::Time until = health_.Find("w1", now_)->until;
    EXPECT_EQ(until, now_ + rest);
    // What was under way when it began to rest says nothing new.
    Fail(4, rest / 2);
    EXPECT_EQ(health_.Find("w1", now_)->until, until);
    now_ = until;
    EXPECT_FALSE(Rests()) << "it is tried again";
    Fail(5);
    rest = std::min(rest * 2, absl::Minutes(30));
  }
  const uint64_t before = health_.changes();
  health_.Executed("w1");
  EXPECT_FALSE(Rests());
  EXPECT_NE(health_.changes(), before);
  Fail(6);
  Fail(7);
  EXPECT_FALSE(Rests()) << "nothing before counts";
}

TEST_F(WorkerHealthTest, AFullDiskIsUnfitUntilThereIsATenthMore) {
  health_.ReportSpace("w1", 5'000'000'000, 1'000'000'000);
  EXPECT_FALSE(Rests());
  health_.ReportSpace("w1", 900'000'000, 1'000'000'000);
  ASSERT_TRUE(Rests());
  EXPECT_EQ(health_.Find("w1", now_)->reason,
            "its disk has 0.90 GB left, and it takes no tasks below 1.00 GB");
  EXPECT_EQ(health_.Find("w1", now_)->until, absl::InfiniteFuture());
  // A command that ended well makes no room.
  health_.Executed("w1");
  EXPECT_TRUE(Rests());
  health_.ReportSpace("w1", 1'050'000'000, 1'000'000'000);
  EXPECT_TRUE(Rests());
  const uint64_t before = health_.changes();
  health_.ReportSpace("w1", 1'100'000'000, 1'000'000'000);
  EXPECT_FALSE(Rests());
  EXPECT_NE(health_.changes(), before);
}

TEST_F(WorkerHealthTest, AWorkerThatDoesNotSayIsFit) {
  health_.ReportSpace("w1", 0, 0);
  EXPECT_FALSE(Rests());
}

}  // namespace
}  // namespace crossmill::core
