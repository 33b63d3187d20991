#include "coordinator/matrices/matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/words/platform.h"
#include "common/words/words.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

void Add(const std::string& python, const std::vector<std::string>& tags, v1::SubmitMatrixRequest* request) {
  v1::MatrixCombination& combination = *request->add_combinations();
  v1::BuildArgument& argument = *combination.add_arguments();
  argument.set_name("PYTHON");
  argument.set_value(python);
  for (const std::string& tag : tags) combination.add_tags(tag);
}

v1::SubmitMatrixRequest Request() {
  v1::SubmitMatrixRequest request;
  request.mutable_submission()->mutable_recipe()->set_dockerfile("FROM scratch\n");
  *request.mutable_submission()->mutable_options()->add_platforms() = *ParsePlatform("linux/amd64");
  for (const char* value : {"3.9", "other"}) {
    v1::BuildArgument& argument = *request.mutable_submission()->mutable_recipe()->add_build_arguments();
    argument.set_name(value == std::string("other") ? "OTHER" : "PYTHON");
    argument.set_value(value);
  }
  Add("3.11", {"app:3.11"}, &request);
  Add("3.12", {"app:3.12"}, &request);
  return request;
}

TEST(MatrixTest, EachCombinationIsABuildWithItsPlace) {
  v1::SubmitMatrixRequest request = Request();
  *request.mutable_combinations(1)->add_platforms() = *ParsePlatform("linux/arm64");
  // What a client says of places is not believed.
  request.mutable_submission()->mutable_matrix()->set_size(99);
  request.mutable_submission()->mutable_matrix()->set_matrix(7);
  const auto builds = BuildsOfMatrix(request, 2);
  ASSERT_OK(builds);
  ASSERT_EQ(builds->size(), 2u);
  const v1::BuildSubmission& second = (*builds)[1];
  ASSERT_EQ(second.recipe().build_arguments_size(), 2) << "the combination's value takes the recipe's place";
  EXPECT_EQ(second.recipe().build_arguments(0).value(), "3.12");
  EXPECT_EQ(second.recipe().build_arguments(1).value(), "other");
  EXPECT_THAT(second.options().tags(), ::testing::ElementsAre("app:3.12"));
  ASSERT_EQ(second.options().platforms_size(), 1);
  EXPECT_EQ(FormatPlatform(second.options().platforms(0)), "linux/arm64");
  EXPECT_EQ(FormatPlatform((*builds)[0].options().platforms(0)), "linux/amd64");
  EXPECT_EQ(second.matrix().place(), 1u);
  EXPECT_EQ(second.matrix().size(), 2u);
  EXPECT_EQ(second.matrix().matrix(), 0);
  EXPECT_EQ(FormatCombination(second.matrix()), "PYTHON=3.12");
}

TEST(MatrixTest, WhatIsNoMatrixIsRefusedWithTheCombination) {
  const auto refused = [](auto change) {
    v1::SubmitMatrixRequest request = Request();
    change(request);
    return std::string(BuildsOfMatrix(request, 3).status().message());
  };
  EXPECT_EQ(refused([](auto&) {}), "");
  EXPECT_THAT(refused([](auto& request) { request.clear_combinations(); }), HasSubstr("needs a combination"));
  EXPECT_THAT(refused([](auto& request) { Add("3.11", {}, &request); }),
              HasSubstr("combination 3: it has the same arguments as combination 1"));
  EXPECT_THAT(refused([](auto& request) { Add("3.13", {"docker.io/library/app:3.11"}, &request); }),
              HasSubstr("which combination 1 has"));
  EXPECT_THAT(refused([](auto& request) { Add("3.13", {"APP:x"}, &request); }),
              HasSubstr("combination 3: -t APP:x"));
  EXPECT_THAT(refused([](auto& request) { request.mutable_submission()->mutable_options()->add_tags("a"); }),
              HasSubstr("tags belong to combinations"));
  EXPECT_THAT(refused([](auto& request) {
                v1::BuildArgument& more = *request.mutable_combinations(1)->add_arguments();
                more.set_name("VARIANT");
              }),
              HasSubstr("combination 2: it does not vary the same"));
  EXPECT_THAT(refused([](auto& request) {
                *request.mutable_combinations(0)->add_arguments() = request.combinations(0).arguments(0);
              }),
              HasSubstr("combination 1: the argument PYTHON is there twice"));
  EXPECT_THAT(refused([](auto& request) { request.mutable_combinations(0)->clear_arguments(); }),
              HasSubstr("it has no arguments"));
  EXPECT_TRUE(absl::IsResourceExhausted(BuildsOfMatrix(Request(), 1).status()));
}

v1::BuildView Ended(int64_t id, v1::BuildStatus status, v1::Verdict verdict) {
  v1::BuildView build;
  build.set_id(id);
  build.set_status(status);
  build.set_created_at(100);
  build.set_finished_at(id * 1000);
  build.mutable_matrix()->set_matrix(5);
  *build.mutable_options()->add_platforms() = *ParsePlatform(id == 5 ? "linux/amd64" : "linux/arm64");
  build.add_cells()->mutable_comparison()->set_verdict(verdict);
  return build;
}

TEST(MatrixTest, TheMatrixIsTheGravestOfItsBuilds) {
  v1::MatrixView matrix = MatrixViewOf({Ended(5, v1::BUILD_STATUS_SUCCEEDED, v1::VERDICT_REPRODUCIBLE),
                                        Ended(6, v1::BUILD_STATUS_SUCCEEDED, v1::VERDICT_INCONCLUSIVE)});
  EXPECT_EQ(matrix.id(), 5);
  EXPECT_EQ(matrix.status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(matrix.verdict(), v1::VERDICT_INCONCLUSIVE);
  EXPECT_EQ(matrix.finished_at(), 6000);
  EXPECT_EQ(matrix.platforms_size(), 2);
  matrix = MatrixViewOf({Ended(5, v1::BUILD_STATUS_CANCELLED, v1::VERDICT_REPRODUCIBLE),
                         Ended(6, v1::BUILD_STATUS_FAILED, v1::VERDICT_UNSPECIFIED)});
  EXPECT_EQ(matrix.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(matrix.verdict(), v1::VERDICT_UNVERIFIED) << "one cell has no verdict";
  matrix = MatrixViewOf({Ended(5, v1::BUILD_STATUS_FAILED, v1::VERDICT_REPRODUCIBLE),
                         Ended(6, v1::BUILD_STATUS_PLANNING, v1::VERDICT_UNSPECIFIED)});
  EXPECT_EQ(matrix.status(), v1::BUILD_STATUS_RUNNING);
  EXPECT_EQ(matrix.finished_at(), 0);
}

}  // namespace
}  // namespace crossmill::coordinator
