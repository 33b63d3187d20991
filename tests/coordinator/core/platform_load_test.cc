#include "coordinator/core/standing/platform_load.h"

#include <gtest/gtest.h>

namespace crossmill::core {
namespace {

TEST(PlatformLoadTest, CountsWhatWaitsAndRuns) {
  PlatformLoad load;
  const absl::Time start = absl::FromUnixSeconds(100);
  load.Queue("linux/arm64", start + absl::Seconds(2));
  load.Queue("linux/arm64", start);
  load.Queue("linux/arm64", start);
  load.Begin("linux/amd64");
  PlatformTasks arm = load.All().at("linux/arm64");
  EXPECT_EQ(arm.queued, 3);
  EXPECT_EQ(arm.oldest, start);
  EXPECT_EQ(load.All().at("linux/amd64").running, 1);
  EXPECT_EQ(load.All().at("linux/amd64").oldest, absl::InfiniteFuture());
  load.Unqueue("linux/arm64", start);
  EXPECT_EQ(load.All().at("linux/arm64").oldest, start) << "the other of the same time";
  load.Unqueue("linux/arm64", start);
  EXPECT_EQ(load.All().at("linux/arm64").oldest, start + absl::Seconds(2));
  load.Unqueue("linux/arm64", start + absl::Seconds(2));
  load.End("linux/amd64");
  EXPECT_TRUE(load.All().empty()) << "names come from recipes: nothing is kept of them";
}

}  // namespace
}  // namespace crossmill::core
