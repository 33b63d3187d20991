#include "coordinator/overview/change_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/overview/news_board.h"

namespace crossmill::overview {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::BuildView BuildOf(int64_t id, v1::BuildStatus status, int64_t last_event = 1) {
  v1::BuildView view;
  view.set_id(id);
  view.set_status(status);
  view.set_last_event(last_event);
  return view;
}

class ChangeLogTest : public ::testing::Test {
 protected:
  bool Note(int64_t build, v1::BuildStatus status = v1::BUILD_STATUS_RUNNING, int64_t last_event = 1) {
    return log_.Note(ToNote(BuildOf(build, status, last_event)));
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

TEST_F(ChangeLogTest, WhatListsDoNotShowIsNoChange) {
  EXPECT_TRUE(Note(1, v1::BUILD_STATUS_RUNNING, 7));
  EXPECT_FALSE(Note(1, v1::BUILD_STATUS_RUNNING, 8)) << "a step of it";
  v1::BuildView with_stages = BuildOf(1, v1::BUILD_STATUS_RUNNING, 9);
  with_stages.add_stages()->set_name("builder");
  EXPECT_FALSE(log_.Note(ToNote(with_stages)));
  EXPECT_EQ(log_.sequence(), 1001);
  with_stages.add_cells()->set_status(v1::BUILD_STATUS_FAILED);
  EXPECT_TRUE(log_.Note(ToNote(with_stages)));
  EXPECT_EQ(log_.Since(1001).builds.at(0)->last_event(), 9);
  EXPECT_EQ(log_.Since(1001).builds.at(0)->stages_size(), 0);
}

TEST_F(ChangeLogTest, WhatIsNotKnownAnyMoreIsAReset) {
  EXPECT_TRUE(log_.Since(0).reset) << "nothing is known";
  EXPECT_TRUE(log_.Since(999).reset) << "of an earlier coordinator";
  EXPECT_TRUE(log_.Since(1001).reset) << "of nobody";
  EXPECT_TRUE(log_.Since(-5).reset);
  for (int64_t build = 1; build <= 4; ++build) Note(build);
  EXPECT_TRUE(log_.Since(1000).reset);
  EXPECT_FALSE(log_.Since(1001).reset);
  EXPECT_THAT(Since(1001), ElementsAre(2, 3, 4));
  EXPECT_EQ(log_.Since(1000).sequence, 1004);
  EXPECT_THAT(log_.Since(1000).builds, IsEmpty());
}

TEST_F(ChangeLogTest, WorkersAreToldOnceAndForgetNoBuild) {
  Note(1);
  log_.NoteWorkers();
  EXPECT_TRUE(log_.Since(1000).workers);
  EXPECT_TRUE(log_.Since(1001).workers);
  EXPECT_FALSE(log_.Since(1002).workers);
  for (int i = 0; i < 100; ++i) log_.NoteWorkers();
  EXPECT_FALSE(log_.Since(1000).reset);
  EXPECT_THAT(Since(1000), ElementsAre(1));
}

// However long the farm runs: it holds the newest states only.
TEST_F(ChangeLogTest, ItIsBounded) {
  for (int round = 0; round < 100; ++round) {
    for (int64_t build = 1; build <= 3; ++build)
      Note(build, round % 2 == 0 ? v1::BUILD_STATUS_RUNNING : v1::BUILD_STATUS_QUEUED);
  }
  EXPECT_EQ(log_.sequence(), 1300);
  EXPECT_FALSE(log_.Since(1000).reset) << "three builds fit, however often they change";
  EXPECT_THAT(Since(1000), ElementsAre(1, 2, 3));
  for (int64_t build = 4; build <= 1000; ++build) Note(build);
  EXPECT_THAT(Since(log_.sequence() - 3), ElementsAre(998, 999, 1000));
  EXPECT_TRUE(log_.Since(log_.sequence() - 4).reset);
}

TEST(NewsBoardTest, TellsTheListenerOfChangesAndOfNothingElse) {
  NewsBoard board(1000);
  int told = 0;
  board.SetListener([&] { ++told; });
  board.Note(BuildOf(1, v1::BUILD_STATUS_RUNNING, 1));
  board.Note(BuildOf(1, v1::BUILD_STATUS_RUNNING, 2));
  EXPECT_EQ(told, 1);
  board.NoteWorkers();
  EXPECT_EQ(told, 2);
  board.SetListener(nullptr);
  board.Note(BuildOf(2, v1::BUILD_STATUS_RUNNING));
  EXPECT_EQ(told, 2);
  EXPECT_EQ(board.sequence(), 1003);
}

}  // namespace
}  // namespace crossmill::overview
