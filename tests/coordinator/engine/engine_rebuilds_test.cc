// Recorded builds that are built again: pinned to the recorded plan, compared with what was made then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/verification/rebuilds.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

class RebuildsTest : public EngineTest {
 protected:
  Rebuilds rebuilds() { return Rebuilds(*engine_); }
  // Some time later: what was executed when the rebuild was submitted counts for it.
  int64_t Rebuild(int64_t build, const RebuildWish& wish = {}) {
    clock_.Advance(absl::Seconds(1));
    const auto submitted = rebuilds().Submit(build, wish, "");
    EXPECT_OK(submitted);
    return submitted.ok() ? submitted->build : 0;
  }
};

TEST_F(RebuildsTest, ABuildThatGivesTheSameAgainIsEqualAtEveryLevel) {
  auto one = NewWorker("w1", "host-a");
  one->PlayAll();
  auto submission = Submission("FROM scratch\nRUN one\nRUN two\n");
  submission.mutable_options()->add_tags("app:1");
  const v1::BuildView then = WaitForEnd(Submit(submission));
  ASSERT_EQ(then.status(), v1::BUILD_STATUS_SUCCEEDED);
  const v1::BuildView now = WaitForEnd(Rebuild(then.id()));
  ASSERT_EQ(now.status(), v1::BUILD_STATUS_SUCCEEDED) << now.message();
  EXPECT_EQ(one->steps_run(), 4) << "nothing comes from the cache";
  EXPECT_EQ(now.rebuild().build(), then.id());
  EXPECT_EQ(now.index_digest(), now.rebuild().index_digest());
  const v1::RebuildComparison& rebuild = now.cells(0).rebuild();
  EXPECT_EQ(rebuild.result(), v1::RebuildComparison::RESULT_EQUAL) << rebuild.reason();
  for (const v1::LevelComparison& level : rebuild.levels()) EXPECT_TRUE(level.equal()) << level.level();
  ASSERT_EQ(rebuild.comparison().steps_size(), 2);
  EXPECT_EQ(rebuild.comparison().steps(0).witnesses_size(), 2);
  EXPECT_EQ(rebuild.comparison().verdict(), v1::VERDICT_UNSPECIFIED) << "two of one host make no tick";
  EXPECT_EQ(now.cells(0).comparison().verdict(), v1::VERDICT_UNVERIFIED);
}

TEST_F(RebuildsTest, WhatDiffersFromThenIsNamedByStepAndPath) {
  auto one = NewWorker("w1", "host-a");
  one->DifferOn("two");
  one->PlayAll();
  const v1::BuildView then = WaitForEnd(Submit(Submission("FROM scratch\nRUN one\nRUN two\nRUN three\n")));
  ASSERT_EQ(then.status(), v1::BUILD_STATUS_SUCCEEDED);
  one->Disconnect();
  auto two = NewWorker("w2", "host-b");
  two->DifferOn("two");
  two->PlayAll();
  const v1::BuildView now = WaitForEnd(Rebuild(then.id()));
  ASSERT_EQ(now.status(), v1::BUILD_STATUS_SUCCEEDED) << now.message();
  const v1::RebuildComparison& rebuild = now.cells(0).rebuild();
  EXPECT_EQ(rebuild.result(), v1::RebuildComparison::RESULT_DIFFERENT);
  EXPECT_THAT(rebuild.reason(), HasSubstr("Dockerfile:3"));
  ASSERT_EQ(rebuild.comparison().steps_size(), 3);
  const v1::StepComparison& step = rebuild.comparison().steps(1);
  EXPECT_FALSE(step.agrees());
  EXPECT_TRUE(step.reaches_image());
  ASSERT_EQ(step.differences_size(), 1);
  EXPECT_EQ(step.differences(0).path(), "two");
  EXPECT_EQ(step.witnesses(0).worker(), "w1");
  EXPECT_EQ(step.witnesses(1).worker(), "w2");
  // On other layers than then, and still the same.
  EXPECT_TRUE(rebuild.comparison().steps(2).agrees());
  const v1::LevelComparison& layers = rebuild.levels(3);
  EXPECT_EQ(layers.level(), "layers");
  EXPECT_EQ(layers.equal_layers(), 2);
  EXPECT_EQ(layers.layers(), 3);
}

TEST_F(RebuildsTest, ARebuildLeavesTheNamesWhereTheyAre) {
  auto one = NewWorker("w1", "host-a");
  one->PlayAll();
  auto first = Submission("FROM scratch\nRUN one\n");
  first.mutable_options()->add_tags("app:1");
  auto second = Submission("FROM scratch\nRUN two\n");
  second.mutable_options()->add_tags("app:1");
  const v1::BuildView then = WaitForEnd(Submit(first));
  const v1::BuildView later = WaitForEnd(Submit(second));
  const v1::BuildView again = WaitForEnd(Rebuild(then.id()));
  ASSERT_EQ(again.status(), v1::BUILD_STATUS_SUCCEEDED);
  const auto image = images_->store().Get("app:1");
  ASSERT_OK(image);
  EXPECT_EQ(image->root.Oci(), later.index_digest());
}

TEST_F(RebuildsTest, OnlyWhatHasAResultIsBuiltAgain) {
  auto one = NewWorker("w1", "host-a");
  one->FailOn("one", 3);
  one->PlayAll();
  const v1::BuildView failed = WaitForEnd(Submit(Submission("FROM scratch\nRUN one\n")));
  const auto refused = rebuilds().Submit(failed.id(), {}, "");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("crossmill retry"));
  EXPECT_TRUE(absl::IsNotFound(rebuilds().Submit(99, {}, "").status()));

  const v1::BuildView then = WaitForEnd(Submit(Submission("FROM scratch\nRUN two\n")));
  const int64_t rebuild = Rebuild(then.id());
  WaitForEnd(rebuild);
  EXPECT_TRUE(absl::IsInvalidArgument(rebuilds().Submit(rebuild, {}, "").status()));
  // Whoever names none means the last one that was no rebuild.
  const v1::BuildView latest = WaitForEnd(Rebuild(0));
  EXPECT_EQ(latest.rebuild().build(), then.id());
  // A client cannot claim that its submission is one.
  auto claimed = Submission("FROM scratch\nRUN two\n");
  claimed.mutable_rebuild()->set_build(then.id());
  EXPECT_TRUE(absl::IsInvalidArgument(engine_->Submit(claimed, "").status()));
}

TEST_F(RebuildsTest, ContextThatIsGoneIsNamedWithWhatToDo) {
  auto one = NewWorker("w1", "host-a");
  one->PlayAll();
  auto submission = Submission("FROM scratch\nCOPY app.py app\n");
  ::build::bazel::remote::execution::v2::Directory root;
  auto* file = root.add_files();
  file->set_name("app.py");
  // Never in the store: as after its removal.
  ToProto(Digest{std::string(64, 'a'), 7}, file->mutable_digest());
  ToProto(blobs_->PutBytes(root.SerializeAsString()).value(),
          submission.mutable_recipe()->mutable_context_root());
  const v1::BuildView then = WaitForEnd(Submit(submission));
  ASSERT_EQ(then.status(), v1::BUILD_STATUS_SUCCEEDED) << then.message();
  const v1::BuildView now = WaitForEnd(Rebuild(then.id()));
  EXPECT_EQ(now.status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_THAT(now.message(), HasSubstr("Dockerfile:2"));
  EXPECT_THAT(now.message(), HasSubstr("app.py"));
  EXPECT_THAT(now.message(), HasSubstr("crossmill build"));
}

}  // namespace
}  // namespace crossmill::coordinator
