#include "coordinator/engine/planning_progress.h"

#include <gtest/gtest.h>

#include "coordinator/engine/watchers.h"

namespace crossmill::coordinator {
namespace {

using std::chrono::milliseconds;

class PlanningProgressTest : public ::testing::Test {
 protected:
  bool Report(const std::string& what, int64_t done, int64_t total, int at_ms) {
    return log_.Report(1, {what, done, total}, PlanningProgressLog::Time(milliseconds(1000 + at_ms)));
  }
  PlanningProgressLog log_{milliseconds(300)};
};

TEST_F(PlanningProgressTest, EachThingIsToldAFewTimesASecondAndAtItsEnd) {
  EXPECT_TRUE(Report("a", 1, 10, 0));
  EXPECT_FALSE(Report("a", 2, 10, 100));
  EXPECT_TRUE(Report("b", 1, 0, 100)) << "another thing";
  EXPECT_TRUE(Report("a", 3, 10, 300));
  EXPECT_TRUE(Report("a", 10, 10, 310)) << "its end";
  EXPECT_FALSE(Report("a", 10, 10, 320)) << "once";
}

TEST_F(PlanningProgressTest, WatcherThatComesLaterGetsTheLatestUntilTheBuildIsPlanned) {
  Report("a", 1, 10, 0);
  Report("a", 2, 10, 1);
  ASSERT_EQ(log_.Latest(1).size(), 1u);
  EXPECT_EQ(log_.Latest(1)[0].done_bytes, 2);
  EXPECT_TRUE(log_.Latest(2).empty());
  log_.Forget(1);
  EXPECT_TRUE(log_.Latest(1).empty());
}

TEST_F(PlanningProgressTest, WaitingProgressIsReplacedByTheNext) {
  const auto nothing = [](int64_t, int) -> absl::StatusOr<std::vector<v1::BuildEvent>> {
    return std::vector<v1::BuildEvent>();
  };
  Watcher watcher(1, false, nothing);
  watcher.Push(Watched{.progress = PlanningStep{"a", 1, 10}});
  watcher.Push(Watched{.progress = PlanningStep{"b", 1, 10}});
  watcher.Push(Watched{.progress = PlanningStep{"a", 2, 10}});
  bool ended = false;
  EXPECT_EQ(watcher.Next(milliseconds(0), &ended)->progress->done_bytes, 2);
  EXPECT_EQ(watcher.Next(milliseconds(0), &ended)->progress->what, "b");
  EXPECT_FALSE(watcher.Next(milliseconds(0), &ended));
}

}  // namespace
}  // namespace crossmill::coordinator
