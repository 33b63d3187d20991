#include "coordinator/core/standing/matrix_state.h"

#include <gtest/gtest.h>

#include "common/words/platform.h"

namespace crossmill::core {
namespace {

EndedBuild MatrixBuild(int64_t id, const std::string& python, v1::BuildStatus status,
                       v1::Verdict verdict = v1::VERDICT_REPRODUCIBLE,
                       const std::string& platform = "linux/amd64") {
  EndedBuild build;
  build.submission.mutable_recipe()->set_dockerfile("FROM scratch\n");
  build.submission.mutable_options()->add_tags("app:" + python);
  v1::BuildArgument& argument = *build.submission.mutable_matrix()->add_combination();
  argument.set_name("PYTHON");
  argument.set_value(python);
  build.view.set_id(id);
  build.view.set_finished_at(id * 10);
  v1::CellView& cell = *build.view.add_cells();
  *cell.mutable_platform() = *ParsePlatform(platform);
  cell.set_status(status);
  cell.mutable_comparison()->set_verdict(verdict);
  cell.mutable_comparison()->set_reason("because");
  return build;
}

v1::BuildHistoryRow RowOf(const std::vector<EndedBuild>& builds) {
  const auto rows = MatrixRows(builds);
  EXPECT_EQ(rows.size(), 1u);
  return rows.at({"app", "linux/amd64"});
}

TEST(MatrixStateTest, TheGravestSpeaksForAll) {
  const EndedBuild good = MatrixBuild(1, "3.10", v1::BUILD_STATUS_SUCCEEDED);
  const EndedBuild failed = MatrixBuild(2, "3.11", v1::BUILD_STATUS_FAILED, v1::VERDICT_UNSPECIFIED);
  const EndedBuild flaky = MatrixBuild(3, "3.12", v1::BUILD_STATUS_SUCCEEDED, v1::VERDICT_FLAKY);
  EXPECT_EQ(RowOf({good, failed, flaky}).build_id(), 2);
  EXPECT_EQ(RowOf({flaky, good}).build_id(), 3);
  EXPECT_EQ(RowOf({flaky, good}).reason(), "PYTHON=3.12: because");
  EXPECT_EQ(RowOf({good}).build_id(), 1);
}

TEST(MatrixStateTest, WhatSaysNothingKeepsTheOthersFromSayingThatAllIsWell) {
  const EndedBuild good = MatrixBuild(1, "3.10", v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(RowOf({good, MatrixBuild(2, "3.11", v1::BUILD_STATUS_CANCELLED)}).build_id(), 2);
  EXPECT_EQ(RowOf({MatrixBuild(2, "3.11", v1::BUILD_STATUS_INFRASTRUCTURE_FAILED), good}).build_id(), 2);
  EXPECT_EQ(
      RowOf({good, MatrixBuild(2, "3.11", v1::BUILD_STATUS_SUCCEEDED, v1::VERDICT_INCONCLUSIVE)}).build_id(),
      2);
  // But what failed failed.
  EXPECT_EQ(RowOf({MatrixBuild(2, "3.11", v1::BUILD_STATUS_CANCELLED),
                   MatrixBuild(3, "3.12", v1::BUILD_STATUS_TIMED_OUT)})
                .build_id(),
            3);
}

TEST(MatrixStateTest, NamesAndPlatformsAreTheirOwn) {
  EndedBuild other = MatrixBuild(2, "3.11", v1::BUILD_STATUS_FAILED, v1::VERDICT_UNSPECIFIED, "linux/arm64");
  other.submission.mutable_options()->add_tags("second");
  const auto rows = MatrixRows({MatrixBuild(1, "3.10", v1::BUILD_STATUS_SUCCEEDED), other});
  EXPECT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows.at({"app", "linux/amd64"}).build_id(), 1);
  EXPECT_EQ(rows.at({"second", "linux/arm64"}).build_id(), 2);
}

}  // namespace
}  // namespace crossmill::core
