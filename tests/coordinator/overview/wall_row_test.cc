#include "coordinator/overview/wall_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/words/platform.h"

namespace crossmill::overview {
namespace {

using ::testing::ElementsAre;

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
  EXPECT_THAT(row_.cells(0).strip_builds(), ElementsAre(1, 2));
  EXPECT_EQ(row_.cells(0).strip(), "fs");
  EXPECT_EQ(row_.cells(0).build_id(), 2);
  EXPECT_EQ(row_.cells(0).status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(WallRowTest, AStripHasTheNewestTwenty) {
  for (int64_t id = 1; id <= 30; ++id) Add(id, v1::BUILD_STATUS_SUCCEEDED);
  Add(5, v1::BUILD_STATUS_SUCCEEDED);
  ASSERT_EQ(row_.cells(0).strip_builds_size(), kStrip);
  EXPECT_EQ(row_.cells(0).strip_seconds_size(), kStrip);
  EXPECT_EQ(row_.cells(0).strip(), std::string(kStrip, 's'));
  EXPECT_EQ(row_.cells(0).strip_builds(0), 11);
}

TEST_F(WallRowTest, AStripHasALetterForEachWayToEnd) {
  int64_t id = 0;
  for (const auto status : {v1::BUILD_STATUS_SUCCEEDED, v1::BUILD_STATUS_FAILED, v1::BUILD_STATUS_TIMED_OUT,
                            v1::BUILD_STATUS_INFRASTRUCTURE_FAILED, v1::BUILD_STATUS_CANCELLED})
    Add(++id, status);
  for (const auto verdict : {v1::VERDICT_UNREPRODUCIBLE, v1::VERDICT_FLAKY, v1::VERDICT_INPUT_DRIFT,
                             v1::VERDICT_REPRODUCIBLE, v1::VERDICT_INCONCLUSIVE})
    Add(++id, v1::BUILD_STATUS_SUCCEEDED, verdict);
  EXPECT_EQ(row_.cells(0).strip(), "sftixuydss");
}

TEST_F(WallRowTest, ACellSaysWhatDiffersAndWhatCameFromTheCache) {
  v1::BuildView view = Ended(1, v1::BUILD_STATUS_SUCCEEDED, v1::VERDICT_UNREPRODUCIBLE);
  for (const uint32_t paths : {7u, 3u}) {
    v1::StepComparison& step = *view.mutable_cells(0)->mutable_comparison()->add_steps();
    step.set_differences_total(paths);
    step.set_reaches_image(paths == 3);
  }
  AddToRow(Tagged("app:1"), view, &row_);
  EXPECT_EQ(row_.cells(0).differing_paths(), 3) << "the others do not reach the image";
  v1::BuildView cached = Ended(2, v1::BUILD_STATUS_SUCCEEDED);
  cached.mutable_cells(0)->add_stages(0);
  cached.add_stages()->add_steps()->set_status(v1::STEP_STATUS_CACHED);
  AddToRow(Tagged("app:1"), cached, &row_);
  EXPECT_EQ(row_.cells(0).strip(), "uc");
  EXPECT_EQ(row_.cells(0).verdict(), v1::VERDICT_UNVERIFIED);
}

TEST_F(WallRowTest, TheBuildsMessageIsOfThePlatformsThatDidNotSucceed) {
  v1::BuildView view = Ended(1, v1::BUILD_STATUS_FAILED);
  view.set_message("step 3 failed");
  v1::CellView& good = *view.add_cells();
  *good.mutable_platform() = ParsePlatform("linux/arm64").value();
  good.set_status(v1::BUILD_STATUS_SUCCEEDED);
  AddToRow(Tagged("app:1"), view, &row_);
  EXPECT_EQ(row_.cells(0).message(), "step 3 failed");
  EXPECT_EQ(row_.cells(1).message(), "");
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
