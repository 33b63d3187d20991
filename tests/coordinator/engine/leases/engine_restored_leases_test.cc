// What a worker still executes from before a restart is taken only where it stands on the layers that its
// build has now.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/engine/engine_fixture.h"
#include "tests/coordinator/engine/leases/lossy_blob_store.h"

namespace crossmill::coordinator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

class RestoredLeasesTest : public LossyEngineTest {};

// The lease begins behind a step whose layer was lost: what it made there was once recorded as if the lost
// step had never been, under the key of other layers, and the image lacked one.
TEST_F(RestoredLeasesTest, ALeaseOnALayerThatWasLostIsNotTakenUp) {
  auto one = NewWorker("w1", "host-a");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\nRUN three\n"));
  const auto first = one->NextLease();
  ASSERT_TRUE(first);
  one->FinishStep(*first, 0);
  HasStatus(build, 0, v1::STEP_STATUS_EXECUTED);
  auto two = NewWorker("w2", "host-b");
  clock_.Advance(absl::Seconds(31));
  two->Heartbeat();
  const auto second = two->NextLease();
  ASSERT_TRUE(second);
  ASSERT_THAT(two->TaskOf(*second).parents(), testing::SizeIs(1));
  two->StartStep(*second, 0);
  HasStatus(build, 1, v1::STEP_STATUS_RUNNING);

  StopCoordinator();
  lossy_->Lose(FromProto(two->TaskOf(*second).parents(0).tar()));
  StartCoordinator();
  two->Reconnect(*engine_, {*second});
  two->FinishStep(*second, 0);
  two->FinishStep(*second, 1);
  two->FinishTask(*second);
  two->PlayAll();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_THAT(LeaseOutcomes(), ElementsAre(testing::StartsWith("lost"), "superseded", "succeeded"));
}

// The worker goes on from its own layer of the step, the build from the one that was recorded.
TEST_F(RestoredLeasesTest, ALeaseIsNotTakenUpBehindAStepThatAnotherExecutedToo) {
  auto one = NewWorker("w1", "host-a");
  one->DifferOn("one");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\n"));
  const auto first = one->NextLease();
  ASSERT_TRUE(first);
  one->StartStep(*first, 0);
  HasStatus(build, 0, v1::STEP_STATUS_RUNNING);
  one->Disconnect();
  auto two = NewWorker("w2", "host-b");
  two->DifferOn("one");
  // What began before it does not count for it.
  clock_.Advance(absl::Seconds(1));
  auto submission = Submission("FROM scratch\nRUN one\nRUN three\n");
  submission.mutable_options()->set_no_cache(true);
  const int64_t other = Submit(submission);
  const auto others = two->NextLease();
  ASSERT_TRUE(others);
  two->FinishStep(*others, 0);
  HasStatus(other, 0, v1::STEP_STATUS_EXECUTED);

  StopCoordinator();
  StartCoordinator();
  two->Reconnect(*engine_, {*others});
  one->Reconnect(*engine_, {*first});
  one->FinishStep(*first, 0);
  one->FinishStep(*first, 1);
  one->FinishTask(*first);
  one->PlayAll();
  two->PlayAll();
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(WaitForEnd(other).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_THAT(LeaseOutcomes(), Contains("superseded").Times(1));
}

// As it was: nothing is repeated.
TEST_F(RestoredLeasesTest, ALeaseOnTheSameLayersIsTakenUp) {
  auto one = NewWorker("w1", "host-a");
  one->DifferOn("one");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\nRUN three\n"));
  const auto first = one->NextLease();
  ASSERT_TRUE(first);
  one->FinishStep(*first, 0);
  one->StartStep(*first, 1);
  HasStatus(build, 1, v1::STEP_STATUS_RUNNING);
  StopCoordinator();
  StartCoordinator();
  one->Reconnect(*engine_, {*first});
  one->FinishStep(*first, 1);
  one->FinishStep(*first, 2);
  one->FinishTask(*first);
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_THAT(LeaseOutcomes(), ElementsAre("succeeded"));
}

}  // namespace
}  // namespace crossmill::coordinator
