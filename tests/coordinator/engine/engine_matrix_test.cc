// Builds that are submitted, cancelled and repeated as one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/storage/notices/state_records.h"
#include "coordinator/storage/notices/webhook_records.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

class EngineMatrixTest : public EngineTest {
 protected:
  // RUN one for each value, of "a", "b" and "c", and a name that they share.
  std::vector<v1::BuildSubmission> Matrix(const std::vector<std::string>& values) {
    std::vector<v1::BuildSubmission> builds;
    for (const std::string& value : values) {
      v1::BuildSubmission& build = builds.emplace_back(
          Submission("ARG A\nFROM scratch AS a\nRUN one a\nFROM scratch AS b\nRUN one b\nFROM scratch AS c\n"
                     "RUN one c\nFROM $A\n"));
      v1::BuildArgument& argument = *build.mutable_recipe()->add_build_arguments();
      argument.set_name("A");
      argument.set_value(value);
      build.mutable_options()->add_tags("app:" + value);
      build.mutable_matrix()->set_place(static_cast<uint32_t>(builds.size() - 1));
      build.mutable_matrix()->set_size(static_cast<uint32_t>(values.size()));
      *build.mutable_matrix()->add_combination() = argument;
    }
    return builds;
  }
};

TEST_F(EngineMatrixTest, NumbersFollowOneAnotherAndTheSameKeyIsTheSameMatrix) {
  const auto builds = Matrix({"a", "b", "c"});
  const auto first = engine_->SubmitAll(builds, "key", {});
  ASSERT_OK(first);
  EXPECT_FALSE(first->existing);
  for (int64_t i = 0; i < 3; ++i) {
    const auto view = engine_->reader().Get(first->build + i);
    ASSERT_OK(view);
    EXPECT_EQ(view->matrix().matrix(), first->build);
    EXPECT_EQ(view->matrix().place(), i);
  }
  StopCoordinator();
  StartCoordinator();
  const auto again = engine_->SubmitAll(builds, "key", {});
  ASSERT_OK(again);
  EXPECT_TRUE(again->existing);
  EXPECT_EQ(again->build, first->build);
  EXPECT_TRUE(absl::IsNotFound(engine_->reader().Get(first->build + 3).status())) << "nothing was submitted";
  // Neither another matrix nor one of its builds alone.
  EXPECT_TRUE(absl::IsAlreadyExists(engine_->SubmitAll(Matrix({"a", "b"}), "key", {}).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(engine_->Submit(builds[0], "key").status()));
}

TEST_F(EngineMatrixTest, OneThatIsRefusedRefusesAll) {
  auto builds = Matrix({"a", "b"});
  builds[1].mutable_recipe()->set_dockerfile("FROM scratch\nNOTHING\n");
  const auto refused = engine_->SubmitAll(builds, "", {});
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("A=b: Dockerfile:2"));
  EXPECT_TRUE(absl::IsNotFound(engine_->reader().Get(1).status()));
}

TEST_F(EngineMatrixTest, CancelledAsOne) {
  const auto submitted = engine_->SubmitAll(Matrix({"a", "b", "c"}), "", {});
  ASSERT_OK(submitted);
  const int64_t alone = Submit(Submission("FROM scratch\nRUN other\n"));
  ASSERT_OK(engine_->Cancel(submitted->build, true, 3));
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(WaitForEnd(submitted->build + i).status(), v1::BUILD_STATUS_TIMED_OUT);
  EXPECT_LT(engine_->reader().Get(alone)->status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(EngineMatrixTest, OneOfItSubmittedAgainIsABuildAlone) {
  const auto builds = Matrix({"a", "b"});
  ASSERT_OK(engine_->SubmitAll(builds, "", {}));
  const auto view = engine_->reader().Get(Submit(builds[1]));
  ASSERT_OK(view);
  EXPECT_FALSE(view->has_matrix());
}

TEST_F(EngineMatrixTest, WhatANameIsIsToldOnceWhenTheLastHasEnded) {
  storage::StateRecords states(records_->connection());
  storage::WebhookRecords hooks(records_->connection());
  v1::Webhook webhook;
  webhook.set_url("https://example.org/");
  webhook.set_created_at(1);
  ASSERT_OK(hooks.Add(webhook, "whsec_x"));
  auto worker = NewWorker("w1");
  worker->FailOn("b", 1);
  const auto submitted = engine_->SubmitAll(Matrix({"a", "b", "c"}), "", {});
  ASSERT_OK(submitted);
  worker->PlayAll();
  for (int64_t i = 0; i < 3; ++i) WaitForEnd(submitted->build + i);
  const auto changes = states.Changes("app", "", 0, 10);
  ASSERT_OK(changes);
  ASSERT_EQ(changes->size(), 1u) << "the builds that succeeded say nothing of the name";
  EXPECT_EQ(changes->front().status(), v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(changes->front().build_id(), submitted->build + 1);
  EXPECT_THAT(changes->front().reason(), HasSubstr("A=b: "));
  EXPECT_EQ(hooks.List()->front().pending(), 1);
}

}  // namespace
}  // namespace crossmill::coordinator
