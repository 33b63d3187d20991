// A layer that is lost while its build runs: what it was made by is executed again, and the build ends as if
// nothing had been.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/engine/leases/lost_layers.h"
#include "tests/coordinator/engine/engine_fixture.h"
#include "tests/coordinator/engine/leases/lossy_blob_store.h"

namespace crossmill::coordinator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class LostLayersTest : public LossyEngineTest {
 protected:
  // As a worker that cannot have a layer of its task.
  void Break(const std::string& worker, uint64_t lease) {
    v1::LeaseReport report;
    report.set_lease(lease);
    report.mutable_task_finished()->set_outcome(v1::TASK_OUTCOME_INFRASTRUCTURE);
    report.mutable_task_finished()->set_message("a layer is not in the blob store");
    engine_->WorkerReport(worker, report);
  }
};

TEST_F(LostLayersTest, AStepOfTheSameStageIsExecutedAgain) {
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
  ASSERT_THAT(two->TaskOf(*second).parents(), SizeIs(1));
  lossy_->Lose(FromProto(two->TaskOf(*second).parents(0).tar()));
  Break("w2", *second);
  const auto third = two->NextLease();
  ASSERT_TRUE(third);
  EXPECT_THAT(two->TaskOf(*third).parents(), SizeIs(0));
  EXPECT_THAT(two->TaskOf(*third).steps(), SizeIs(3));
  for (const int step : {0, 1, 2}) two->FinishStep(*third, step);
  two->FinishTask(*third);
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_THAT(view.warnings(), Contains(HasSubstr("what it needs is made again")));
  for (const v1::StepView& step : view.stages(0).steps()) EXPECT_EQ(step.status(), v1::STEP_STATUS_EXECUTED);
  EXPECT_EQ(view.stages(0).steps(0).worker(), "w2");
}

// The image is made of both stages, one of which had ended when its layer was lost.
TEST_F(LostLayersTest, AStageThatHadEndedIsExecutedAgainAndWhatGoesOnFromItToo) {
  auto one = NewWorker("w1", "host-a");
  one->DifferOn("one");
  const int64_t build = Submit(Submission(
      "FROM scratch AS base\nRUN one\nFROM base AS side\nRUN two\nFROM base\nCOPY --from=side two /\n"
      "RUN three\n"));
  const auto first = one->NextLease();
  ASSERT_TRUE(first);
  one->FinishStep(*first, 0);
  one->FinishTask(*first);
  const auto second = one->NextLease();
  ASSERT_TRUE(second);
  ASSERT_THAT(one->TaskOf(*second).parents(), SizeIs(1));
  const v1::Layer lost = one->TaskOf(*second).parents(0);
  one->StartStep(*second, 0);
  HasStatus(build, 0, v1::STEP_STATUS_RUNNING, 1);
  lossy_->Lose(FromProto(lost.tar()));
  // Its own layer of that step has other bytes, so that all above it is of other layers.
  auto two = NewWorker("w2", "host-b");
  two->DifferOn("one");
  clock_.Advance(absl::Seconds(31));
  two->Heartbeat();
  two->PlayAll();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(view.stages(0).steps(0).worker(), "w2");
  EXPECT_NE(view.stages(0).steps(0).layer().tar().hash(), lost.tar().hash());
  EXPECT_EQ(two->tasks_started(), 3);
  // base, side (lost with its worker), base again, side, the last stage.
  EXPECT_THAT(LeaseOutcomes(),
              ElementsAre("succeeded", testing::StartsWith("lost"), "succeeded", "succeeded", "succeeded"));
}

// What another stage of the build executes beside it goes on from the lost layer, too: it is not waited for.
TEST_F(LostLayersTest, WhatIsUnderWayAboveItEndsToo) {
  auto one = NewWorker("w1", "host-a");
  const int64_t build = Submit(
      Submission("FROM scratch AS base\nRUN one\nFROM base AS left\nRUN two\nFROM base AS right\nRUN three\n"
                 "FROM scratch\nCOPY --from=left two /\nCOPY --from=right three /\n"));
  const auto first = one->NextLease();
  ASSERT_TRUE(first);
  auto two = NewWorker("w2", "host-b");
  one->FinishStep(*first, 0);
  one->FinishTask(*first);
  const auto left = one->NextLease();
  const auto right = two->NextLease();
  ASSERT_TRUE(left && right);
  lossy_->Lose(FromProto(one->TaskOf(*left).parents(0).tar()));
  Break("w1", *left);
  one->PlayAll();
  two->PlayAll();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_THAT(LeaseOutcomes(), Contains("outdated").Times(1));
}

// A base is nobody's to make again, and nobody says so.
TEST_F(LostLayersTest, ABaseThatIsLostIsNotSaidToBeMadeAgain) {
  auto one = NewWorker("w1", "host-a");
  auto submission = Submission("FROM scratch\nRUN one\n");
  submission.mutable_options()->add_tags("app:1");
  const int64_t base = Submit(submission);
  const auto made = one->NextLease();
  ASSERT_TRUE(made);
  one->FinishStep(*made, 0);
  one->FinishTask(*made);
  ASSERT_EQ(WaitForEnd(base).status(), v1::BUILD_STATUS_SUCCEEDED);
  const int64_t build = Submit(Submission("FROM app:1\nRUN two\n"));
  for (int tries = 0; tries < 3; ++tries) {
    const auto lease = one->NextLease();
    ASSERT_TRUE(lease);
    lossy_->Lose(FromProto(one->TaskOf(*lease).parents(0).tar()));
    Break("w1", *lease);
  }
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_THAT(view.warnings(), Contains(HasSubstr("it runs again")));
  EXPECT_THAT(view.warnings(), testing::Not(Contains(HasSubstr("made again"))));
}

// A store that cannot be asked has lost nothing.
class SilentBlobStore final : public BlobStore {
 public:
  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest>) override {
    return absl::UnavailableError("the bucket does not answer");
  }
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest&, int64_t) override {
    return absl::UnavailableError("the bucket does not answer");
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest&) override {
    return absl::UnavailableError("the bucket does not answer");
  }
};

TEST(LacksInputsTest, OnlyWhatIsKnownToBeLostIsLost) {
  LossyBlobStore blobs;
  v1::Task task;
  const Digest layer = blobs.PutBytes("layer").value();
  const Digest copied = blobs.PutBytes("copied").value();
  ToProto(layer, task.add_parents()->mutable_tar());
  v1::CopySource& source = *task.add_steps()->mutable_copy()->add_sources();
  ToProto(copied, source.mutable_export_()->mutable_blob());
  EXPECT_FALSE(LacksInputs(task, blobs));
  SilentBlobStore silent;
  EXPECT_FALSE(LacksInputs(task, silent));
  blobs.Lose(copied);
  EXPECT_TRUE(LacksInputs(task, blobs));
}

}  // namespace
}  // namespace crossmill::coordinator
