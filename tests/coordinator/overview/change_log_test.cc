#include "coordinator/overview/change_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::overview {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ChangeLogTest : public ::testing::Test {
 protected:
  void Note(int64_t build, v1::BuildStatus status = v1::BUILD_STATUS_RUNNING) {
    auto view = std::make_shared<v1::BuildView>();
    view->set_id(build);
    view->set_status(status);
    log_.Note(std::move(view));
  }
  std::vector<int64_t> Since(int64_t after) {
    std::vector<int64_t> builds;
    for (const auto& build : log_.Since(after).builds) builds.push_back(build->id());
    return builds;
  }

  ChangeLog log_{1000, 3};
};

TEST_F(ChangeLogTest, TellsTheNewestStateOfEachBuildThatChanged) {
  EXPECT_THAT(Since(1000), IsEmpty());
  EXPECT_FALSE(log_.Since(1000).reset);
  Note(1);
  Note(2);
  Note(1, v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_THAT(Since(1000), ElementsAre(2, 1));
  EXPECT_EQ(log_.Since(1000).builds[1]->status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(log_.Since(1000).sequence, 1003);
  EXPECT_THAT(Since(1002), ElementsAre(1));
  EXPECT_THAT(Since(1003), IsEmpty());
}

TEST_F(ChangeLogTest, WhatIsNotKnownAnyMoreIsAReset) {
  EXPECT_TRUE(log_.Since(0).reset) << "from now on";
  EXPECT_TRUE(log_.Since(999).reset) << "of an earlier coordinator";
  EXPECT_TRUE(log_.Since(1001).reset) << "of nobody";
  for (int64_t build = 1; build <= 4; ++build) Note(build);
  EXPECT_TRUE(log_.Since(1000).reset);
  EXPECT_FALSE(log_.Since(1001).reset);
  EXPECT_THAT(Since(1001), ElementsAre(2, 3, 4));
  EXPECT_EQ(log_.Since(1000).sequence, 1004);
  EXPECT_THAT(log_.Since(1000).builds, IsEmpty());
}

// However long the farm runs: it holds the newest states only.
TEST_F(ChangeLogTest, ItIsBounded) {
  for (int round = 0; round < 100; ++round)
    for (int64_t build = 1; build <= 3; ++build) Note(build);
  EXPECT_FALSE(log_.Since(1000).reset) << "three builds fit, however often they change";
  EXPECT_THAT(Since(1000), ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace crossmill::overview
