// When a replica may be executed beside the first execution.
#include "coordinator/core/replica_release.h"

#include <gtest/gtest.h>

#include "tests/coordinator/core/messages.h"

namespace crossmill::core {
namespace {

// A stage with ENV, RUN and COPY, of which the first execution is at RUN.
class ReplicaReleaseTest : public ::testing::Test {
 protected:
  ReplicaReleaseTest() {
    v1::StagePlan& stage = *plan_.add_stages();
    *stage.mutable_platform() = PlatformOf("amd64");
    for (const uint32_t number : {2u, 3u, 4u}) stage.add_steps()->set_number(number);
    stage.mutable_steps(1)->mutable_run()->add_argv("/bin/sh");
    stage.mutable_steps(2)->mutable_copy();
    first_.owner = StageRunId{7, 0, 0};
    first_.indexes = {1, 2};
    for (const int index : first_.indexes) *first_.task.add_steps() = stage.steps(index);
    first_.key = "key";
    first_.worker = "w1";
    first_.host = "host-a";
    first_.execution = 5;
  }

  std::optional<StepUnderWay> Released(const std::string& vary = "standard") {
    v1::BuildView view;
    view.set_id(7);
    view.mutable_options()->set_verify(2);
    if (vary == "none") view.mutable_options()->mutable_vary();
    BuildState state(view);
    state.SetPlan(plan_);
    state.stage(0).next = next_;
    return ReleasedStep(state, 0, &first_);
  }

  v1::BuildPlan plan_;
  Attempt first_;
  int next_ = 1;
};

TEST_F(ReplicaReleaseTest, TheStepThatTheFirstIsAtWithItsPlace) {
  const auto step = Released("none");
  ASSERT_TRUE(step);
  EXPECT_EQ(step->index, 1);
  EXPECT_EQ(step->key, "key");
  EXPECT_EQ(step->worker, "w1");
  EXPECT_EQ(step->host_id, "host-a");
  EXPECT_EQ(FactOf(*step).execution, 0);
  first_.execution = 0;
  EXPECT_FALSE(Released("none")) << "it has not begun";
}

TEST_F(ReplicaReleaseTest, NoCommandBesideTheFirstWhereTheClockIsVaried) { EXPECT_FALSE(Released()); }

TEST_F(ReplicaReleaseTest, WhatHasNoCommandNeedsNoClock) {
  first_.position = 1;
  const auto step = Released();
  ASSERT_TRUE(step);
  EXPECT_EQ(step->index, 2);
  first_.position = 2;
  EXPECT_FALSE(Released()) << "it makes the exports";
}

TEST_F(ReplicaReleaseTest, SecretsAndAgentsAreTheClients) {
  for (const auto type : {v1::RunMount::TYPE_SECRET, v1::RunMount::TYPE_SSH}) {
    v1::Run& run = *plan_.mutable_stages(0)->mutable_steps(1)->mutable_run();
    EXPECT_FALSE(NeedsClient(plan_.stages(0).steps(1)));
    run.add_mounts()->set_type(type);
    EXPECT_TRUE(NeedsClient(plan_.stages(0).steps(1)));
    run.clear_mounts();
  }
}

// It counts its steps otherwise.
TEST_F(ReplicaReleaseTest, OfAnotherBuildsExecutionTheStepIsTheOneThatWaits) {
  first_.owner = StageRunId{6, 0, 0};
  first_.indexes = {4, 5};
  const auto step = Released("none");
  ASSERT_TRUE(step);
  EXPECT_EQ(step->index, 1);
  next_ = 3;
  EXPECT_FALSE(Released("none"));
}

}  // namespace
}  // namespace crossmill::core
