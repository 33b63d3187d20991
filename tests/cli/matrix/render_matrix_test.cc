#include "cli/matrix/render_matrix.h"

#include <gtest/gtest.h>

#include "common/words/platform.h"
#include "tests/support/golden.h"

namespace crossmill::cli {
namespace {

v1::MatrixView Sample() {
  v1::MatrixView matrix;
  matrix.set_id(12);
  matrix.set_status(v1::BUILD_STATUS_FAILED);
  matrix.set_verdict(v1::VERDICT_UNREPRODUCIBLE);
  matrix.set_created_at(1'700'000'000'000'000'000);
  matrix.set_finished_at(1'700'000'192'000'000'000);
  for (const char* platform : {"linux/amd64", "linux/arm64"})
    *matrix.add_platforms() = *ParsePlatform(platform);
  for (int i = 0; i < 3; ++i) {
    v1::BuildView& build = *matrix.add_builds();
    build.set_id(12 + i);
    build.set_status(i == 2 ? v1::BUILD_STATUS_FAILED : v1::BUILD_STATUS_SUCCEEDED);
    build.mutable_options()->add_tags("app:3.1" + std::to_string(i));
    build.mutable_matrix()->set_matrix(12);
    build.mutable_matrix()->set_place(static_cast<uint32_t>(i));
    v1::BuildArgument& argument = *build.mutable_matrix()->add_combination();
    argument.set_name("PYTHON");
    argument.set_value(i == 1 ? "3.11\x1b[31m" : "3.1" + std::to_string(i));
    for (const v1::Platform& platform : matrix.platforms()) {
      if (i == 1 && platform.architecture() == "arm64") continue;
      *build.mutable_options()->add_platforms() = platform;
      if (i == 2) continue;
      v1::CellView& cell = *build.add_cells();
      *cell.mutable_platform() = platform;
      cell.set_status(v1::BUILD_STATUS_SUCCEEDED);
      cell.set_seconds(12.34 + i);
      cell.mutable_comparison()->set_verdict(i == 1 ? v1::VERDICT_UNREPRODUCIBLE : v1::VERDICT_REPRODUCIBLE);
    }
  }
  matrix.mutable_builds(2)->set_message("Dockerfile:1: there is no image python:3.12");
  return matrix;
}

TEST(RenderMatrixTest, CombinationsStandBesidePlatforms) {
  ExpectGolden(CROSSMILL_GOLDEN_FOLDER "/cli", "matrix.txt", RenderMatrixView(Sample(), {140, false}));
}

TEST(RenderMatrixTest, TheDocument) {
  const Json json = MatrixJson(Sample());
  EXPECT_EQ(json["matrix_id"], 12);
  EXPECT_EQ(json["status"], "failed");
  EXPECT_EQ(json["verdict"], "unreproducible");
  EXPECT_EQ(json["platforms"].size(), 2u);
  EXPECT_EQ(json["builds"][2]["matrix"]["arguments"]["PYTHON"], "3.12");
  EXPECT_EQ(json["builds"][2]["matrix"]["place"], 2);
}

TEST(RenderMatrixTest, NamesOfMatrices) {
  EXPECT_EQ(MatrixNumber("m12"), 12);
  for (const char* other : {"", "m", "12", "m0", "m-1", "m1x", "latest", "mm1"})
    EXPECT_FALSE(MatrixNumber(other)) << other;
}

}  // namespace
}  // namespace crossmill::cli
