#include "coordinator/overview/wall_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/words/platform.h"

namespace crossmill::overview {
namespace {

v1::BuildSubmission Tagged(const std::string& tag) {
  v1::BuildSubmission submission;
  submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
  if (!tag.empty()) submission.mutable_options()->add_tags(tag);
  return submission;
}

v1::BuildView Ended(int64_t id, v1::BuildStatus status, v1::Verdict verdict = v1::VERDICT_UNSPECIFIED,
                    const std::string& platform = "linux/amd64") {
  v1::BuildView view;
  view.set_id(id);
  view.set_status(status);
  view.set_finished_at(id * 10);
  v1::CellView& cell = *view.add_cells();
  *cell.mutable_platform() = ParsePlatform(platform).value();
  cell.set_status(status);
  if (verdict != v1::VERDICT_UNSPECIFIED) cell.mutable_comparison()->set_verdict(verdict);
  return view;
}

class WallRowTest : public ::testing::Test {
 protected:
  void Add(int64_t id, v1::BuildStatus status, v1::Verdict verdict = v1::VERDICT_UNSPECIFIED) {
    AddToRow(Tagged("app:1"), Ended(id, status, verdict), &row_);
  }
  v1::WallRow row_;
};

TEST_F(WallRowTest, AStateThatChangesIsAChangeAndTheSameAgainIsNone) {
  Add(1, v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(row_.changed_at(), 0) << "well from the beginning";
  Add(2, v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(row_.changed_at(), 20);
  Add(3, v1::BUILD_STATUS_TIMED_OUT);
  EXPECT_EQ(row_.changed_at(), 20) << "it still fails";
  EXPECT_TRUE(row_.needs_look());
  Add(4, v1::BUILD_STATUS_CANCELLED);
  EXPECT_EQ(row_.changed_at(), 20);
  EXPECT_TRUE(row_.needs_look()) << "who cancels says nothing of the recipe";
  Add(5, v1::BUILD_STATUS_SUCCEEDED, v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(row_.changed_at(), 50);
  EXPECT_FALSE(row_.needs_look());
  Add(6, v1::BUILD_STATUS_SUCCEEDED, v1::VERDICT_UNREPRODUCIBLE);
  EXPECT_EQ(row_.changed_at(), 60);
  EXPECT_TRUE(row_.needs_look());
  Add(7, v1::BUILD_STATUS_SUCCEEDED, v1::VERDICT_INCONCLUSIVE);
  EXPECT_FALSE(row_.needs_look());
}

TEST_F(WallRowTest, AFirstBuildThatFailsIsAChange) {
  Add(1, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_EQ(row_.changed_at(), 10);
}

TEST_F(WallRowTest, ABuildThatEndsAfterANewerOneStandsBeforeIt) {
  Add(2, v1::BUILD_STATUS_SUCCEEDED);
  Add(1, v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(row_.build_id(), 2);
  EXPECT_FALSE(row_.needs_look());
  EXPECT_EQ(row_.changed_at(), 0);
  ASSERT_EQ(row_.cells(0).points_size(), 2);
  EXPECT_EQ(row_.cells(0).points(0).build_id(), 1);
  EXPECT_EQ(row_.cells(0).newest().status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(WallRowTest, AStripHasTheNewestTwenty) {
  for (int64_t id = 1; id <= 30; ++id) Add(id, v1::BUILD_STATUS_SUCCEEDED);
  Add(5, v1::BUILD_STATUS_SUCCEEDED);
  ASSERT_EQ(row_.cells(0).points_size(), kStrip);
  EXPECT_EQ(row_.cells(0).points(0).build_id(), 11);
}

TEST_F(WallRowTest, PlatformsAreBoundedByWhatWasBuiltLast) {
  for (int i = 1; i <= kMostCells + 3; ++i) {
    AddToRow(Tagged("app:1"),
             Ended(i, v1::BUILD_STATUS_SUCCEEDED, v1::VERDICT_UNSPECIFIED, "linux/odd" + std::to_string(i)),
             &row_);
  }
  EXPECT_EQ(row_.cells_size(), kMostCells);
  EXPECT_EQ(FormatPlatform(row_.cells(0).platform()), "linux/odd4");
}

TEST_F(WallRowTest, RowsAreOfRecipes) {
  v1::BuildSubmission target = Tagged("app:2");
  target.mutable_recipe()->set_target("debug");
  EXPECT_EQ(RowKeyOf(Tagged("app:1")), RowKeyOf(Tagged("app:2")));
  EXPECT_NE(RowKeyOf(Tagged("app:2")), RowKeyOf(target));
  EXPECT_EQ(RowKeyOf(Tagged("")), "Dockerfile") << "without image and context";
  AddToRow(target, Ended(1, v1::BUILD_STATUS_SUCCEEDED), &row_);
  EXPECT_EQ(row_.name(), "app");
  EXPECT_EQ(row_.target(), "debug");
}

}  // namespace
}  // namespace crossmill::overview
