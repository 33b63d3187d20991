#include "coordinator/core/critical_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::core {
namespace {

using ::testing::ElementsAre;

std::vector<int> Seconds(const std::vector<absl::Duration>& durations) {
  std::vector<int> seconds;
  for (const absl::Duration each : durations) seconds.push_back(static_cast<int>(absl::ToInt64Seconds(each)));
  return seconds;
}

std::vector<int> Behind(const std::vector<int>& seconds, const std::vector<std::set<int>>& needs,
                        bool verified = false) {
  std::vector<absl::Duration> durations;
  for (const int each : seconds) durations.push_back(absl::Seconds(each));
  return Seconds(PathsBehind(durations, needs, verified));
}

TEST(PathsBehindTest, IsTheLongestChainOfThoseThatWait) {
  EXPECT_THAT(Behind({}, {}), ElementsAre());
  EXPECT_THAT(Behind({7}, {{}}), ElementsAre(0));
  // 0 <- 1 <- 3, 0 <- 2 <- 3.
  EXPECT_THAT(Behind({1, 20, 300, 4000}, {{}, {0}, {0}, {1, 2}}), ElementsAre(4300, 4000, 4000, 0));
  // A short cut beside a chain.
  EXPECT_THAT(Behind({1, 20, 300}, {{}, {0}, {0, 1}}), ElementsAre(320, 300, 0));
  // In whatever order they stand.
  EXPECT_THAT(Behind({300, 20, 1}, {{1, 2}, {2}, {}}), ElementsAre(0, 300, 320));
}

TEST(PathsBehindTest, ReplicasWaitForTheirStageToo) {
  EXPECT_THAT(Behind({50, 3}, {{}, {0}}, true), ElementsAre(50, 3)) << "6 s for the next and its replica";
  EXPECT_THAT(Behind({5, 30}, {{}, {0}}, true), ElementsAre(60, 30));
}

}  // namespace
}  // namespace crossmill::core
