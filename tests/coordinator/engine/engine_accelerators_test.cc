// Accelerator sets in the engine: who gets which, what of theirs is reused, and what follows when one is
// found to make other bytes than emulated programs.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "coordinator/engine/trust/acceleration_reports.h"
#include "coordinator/engine/trust/farm_trust.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kSet = "sha256:" + std::string(64, 'a');

class EngineAcceleratorsTest : public EngineTest {
 protected:
  void Adjust(EngineOptions* options) override {
    auto trust = FarmTrust::Open(*records_, drained_, clock_);
    ASSERT_OK(trust);
    trust_ = *std::move(trust);
    options->accelerators = &trust_->accelerators();
    options->on_accelerator_off = [this](const v1::SwitchedOffAccelerator& off) {
      told_.push_back(off.digest());
    };
  }
  void TearDown() override {
    StopCoordinator();
    trust_.reset();
  }
  SwitchedOffAccelerators& accelerators() { return trust_->accelerators(); }
  v1::BuildSubmission With(v1::Acceleration acceleration) {
    v1::BuildSubmission submission = Submission("FROM scratch\nRUN one\n");
    submission.mutable_options()->set_accelerate(acceleration);
    return submission;
  }

  std::unique_ptr<FarmTrust> trust_;
  std::vector<std::string> told_;
};

TEST_F(EngineAcceleratorsTest, TasksSayWhatTheBuildAsksFor) {
  auto worker = NewWorker("w1");
  for (const v1::Acceleration each : {v1::ACCELERATION_OFF, v1::ACCELERATION_VERIFY}) {
    // Another step each time: the clock stands still, so that nothing would be too old for a build without a
    // cache.
    v1::BuildSubmission submission =
        Submission(fmt::format("FROM scratch\nRUN word{}\n", static_cast<int>(each)));
    submission.mutable_options()->set_accelerate(each);
    const int64_t build = Submit(submission);
    const auto lease = worker->NextLease();
    ASSERT_TRUE(lease);
    EXPECT_EQ(worker->TaskOf(*lease).acceleration(), each);
    worker->FinishStep(*lease, 0);
    worker->FinishTask(*lease);
    WaitForEnd(build);
  }
}

TEST_F(EngineAcceleratorsTest, WhatNobodyComparedIsNoHitForWhoForbidsIt) {
  auto worker = NewWorker("w1");
  worker->AccelerateOn("one", kSet);
  worker->PlayAll();
  const v1::BuildView made = WaitForEnd(Submit(With(v1::ACCELERATION_UNSPECIFIED)));
  EXPECT_EQ(made.stages(0).steps(0).acceleration().digest(), kSet);
  EXPECT_EQ(WaitForEnd(Submit(With(v1::ACCELERATION_UNSPECIFIED))).stages(0).steps(0).status(),
            v1::STEP_STATUS_CACHED);
  const v1::BuildView again = WaitForEnd(Submit(With(v1::ACCELERATION_OFF)));
  EXPECT_EQ(again.stages(0).steps(0).status(), v1::STEP_STATUS_EXECUTED);
  EXPECT_FALSE(again.stages(0).steps(0).has_acceleration());
  EXPECT_EQ(worker->steps_run(), 2);
}

TEST_F(EngineAcceleratorsTest, AnAccusedSetIsSwitchedOffForTheFarmAndItsResultsAreTakenBack) {
  auto worker = NewWorker("w1");
  worker->AccelerateOn("one", kSet);
  worker->AccuseOn("two", kSet);
  worker->PlayAll();
  WaitForEnd(Submit(Submission("FROM scratch\nRUN one\n")));
  const v1::BuildView accuser = WaitForEnd(Submit(Submission("FROM scratch\nRUN two\n")));
  EXPECT_EQ(accuser.status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_THAT(accuser.warnings(),
              Contains(AllOf(HasSubstr(kSet), HasSubstr("RUN two"), HasSubstr("/out/unit.o"))));
  EXPECT_THAT(accelerators().Digests(), ElementsAre(kSet));
  EXPECT_THAT(told_, ElementsAre(kSet));
  const v1::BuildView again = WaitForEnd(Submit(Submission("FROM scratch\nRUN one\n")));
  EXPECT_EQ(again.stages(0).steps(0).status(), v1::STEP_STATUS_EXECUTED) << "its result is reused no more";
  EXPECT_FALSE(again.stages(0).steps(0).has_acceleration()) << "and no lease gets it";
  const auto listed = accelerators().List();
  ASSERT_OK(listed);
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().build(), accuser.id());
  EXPECT_EQ(listed->front().worker(), "w1");
  EXPECT_THAT(listed->front().step(), HasSubstr("Dockerfile:2: RUN two"));
}

TEST_F(EngineAcceleratorsTest, AResultOfASetThatWasSwitchedOffMeanwhileIsMadeAgain) {
  auto worker = NewWorker("w1");
  worker->AccelerateOn("one", kSet);
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  EXPECT_THAT(worker->TaskOf(*lease).accelerators_off(), IsEmpty());
  v1::SwitchedOffAccelerator off;
  off.set_digest(kSet);
  ASSERT_OK(accelerators().SwitchOff(off));
  worker->FinishStep(*lease, 0);
  const auto next = worker->NextLease();
  ASSERT_TRUE(next);
  EXPECT_THAT(worker->TaskOf(*next).accelerators_off(), ElementsAre(kSet));
  worker->FinishStep(*next, 0);
  worker->FinishTask(*next);
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_FALSE(view.stages(0).steps(0).has_acceleration());
  EXPECT_THAT(view.warnings(), Contains(HasSubstr("is switched off by now")));
}

TEST_F(EngineAcceleratorsTest, AReplicaIsToldWhichSetMadeTheFirst) {
  auto one = NewWorker("w1", "host-a");
  one->AccelerateOn("one", kSet);
  one->PlayAll();
  auto two = NewWorker("w2", "host-b");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n", 2));
  const auto lease = two->NextLease();
  ASSERT_TRUE(lease);
  if (two->TaskOf(*lease).replica() == 1) {
    EXPECT_EQ(two->TaskOf(*lease).steps(0).expected_accelerator(), kSet);
  }
  two->PlayAll();
  WaitForEnd(build);
}

// A build for emulated arm64 whose replica may run beside the first, which is at its only RUN on a worker
// with a set.
class BesideTheFirst : public EngineAcceleratorsTest {
 protected:
  void Begin(const std::string& architecture_of_set) {
    one_ = std::make_unique<PlayedWorker>(*engine_, *blobs_, "w1", "host-a");
    one_->Emulate("arm64");
    one_->OfferSet(architecture_of_set, kSet);
    one_->Connect({});
    v1::BuildSubmission submission = Submission("FROM scratch\nRUN one\n", 2);
    submission.mutable_options()->mutable_platforms(0)->set_architecture("arm64");
    submission.mutable_options()->mutable_vary();
    build_ = Submit(submission);
    const auto lease = one_->NextLease();
    ASSERT_TRUE(lease);
    first_ = *lease;
    two_ = std::make_unique<PlayedWorker>(*engine_, *blobs_, "w2", "host-b");
    two_->Emulate("arm64");
    two_->Connect({});
    one_->StartStep(first_, 0);
  }
  void PlayReplica() {
    const auto replica = two_->NextLease();
    ASSERT_TRUE(replica);
    two_->FinishStep(*replica, 0);
    two_->FinishTask(*replica);
  }
  void EndFirst() {
    one_->FinishStep(first_, 0);
    one_->FinishTask(first_);
  }
  v1::Verdict VerdictAtTheEnd() { return WaitForEnd(build_).cells(0).comparison().verdict(); }
  // They report to the coordinator until they are gone.
  void TearDown() override {
    one_.reset();
    two_.reset();
    EngineAcceleratorsTest::TearDown();
  }

  std::unique_ptr<PlayedWorker> one_;
  std::unique_ptr<PlayedWorker> two_;
  uint64_t first_ = 0;
  int64_t build_ = 0;
};

TEST_F(BesideTheFirst, NoReplicaRunsWhereASetMayBeUsed) {
  Begin("arm64");
  // Twice through the loop: everything that was reported is dealt with.
  EXPECT_OK(engine_->Watch(build_, 1, false));
  EXPECT_OK(engine_->Watch(build_, 1, false));
  EXPECT_THAT(two_->Desired(), IsEmpty());
  EndFirst();
  PlayReplica();
  EXPECT_EQ(VerdictAtTheEnd(), v1::VERDICT_REPRODUCIBLE);
}

TEST_F(BesideTheFirst, AReplicaRunsWhereTheSetIsOfAnotherArchitecture) {
  Begin("riscv64");
  PlayReplica();
  EndFirst();
  EXPECT_EQ(VerdictAtTheEnd(), v1::VERDICT_REPRODUCIBLE);
}

TEST_F(BesideTheFirst, AReplicaRunsWhereTheSetIsSwitchedOff) {
  v1::SwitchedOffAccelerator off;
  off.set_digest(kSet);
  ASSERT_OK(accelerators().SwitchOff(off));
  Begin("arm64");
  PlayReplica();
  EndFirst();
  EXPECT_EQ(VerdictAtTheEnd(), v1::VERDICT_REPRODUCIBLE);
}

TEST(MayBeAcceleratedTest, OnlyCommandsOfThePlatformWithASetThatIsInUse) {
  v1::Task task;
  task.mutable_platform()->set_architecture("arm64");
  v1::Step command, copy;
  command.mutable_run();
  v1::WorkerInfo worker;
  EXPECT_FALSE(MayBeAccelerated(task, command, worker));
  v1::AcceleratorOffer& offer = *worker.add_accelerators();
  offer.set_architecture("arm64");
  offer.set_digest(kSet);
  EXPECT_FALSE(MayBeAccelerated(task, command, worker)) << "no tool of it is used";
  offer.add_tools("gcc-12/cc1");
  EXPECT_TRUE(MayBeAccelerated(task, command, worker));
  EXPECT_FALSE(MayBeAccelerated(task, copy, worker));
  task.add_accelerators_off(kSet);
  EXPECT_FALSE(MayBeAccelerated(task, command, worker));
  *worker.add_accelerators() = offer;
  worker.mutable_accelerators(1)->set_digest("sha256:" + std::string(64, 'b'));
  EXPECT_TRUE(MayBeAccelerated(task, command, worker)) << "another set may be";
  task.set_acceleration(v1::ACCELERATION_OFF);
  EXPECT_FALSE(MayBeAccelerated(task, command, worker));
  task.set_acceleration(v1::ACCELERATION_UNSPECIFIED);
  task.mutable_platform()->set_variant("v9");
  EXPECT_FALSE(MayBeAccelerated(task, command, worker));
  task.mutable_platform()->set_architecture("arm");
  task.mutable_platform()->set_variant("v7");
  EXPECT_FALSE(MayBeAccelerated(task, command, worker));
  worker.mutable_accelerators(1)->set_architecture("arm");
  EXPECT_TRUE(MayBeAccelerated(task, command, worker)) << "arm has a variant always";
}

TEST_F(EngineAcceleratorsTest, ItStaysOffUntilItIsAllowed) {
  v1::SwitchedOffAccelerator off;
  off.set_digest("sha256:short");
  EXPECT_TRUE(absl::IsInvalidArgument(accelerators().SwitchOff(off).status()));
  off.set_digest(kSet);
  EXPECT_EQ(*accelerators().SwitchOff(off), 0);
  EXPECT_EQ(*accelerators().SwitchOff(off), -1) << "it was off already";
  const auto again = FarmTrust::Open(*records_, drained_, clock_);
  ASSERT_OK(again);
  EXPECT_TRUE((*again)->accelerators().IsOff(kSet));
  ASSERT_OK(accelerators().Allow(kSet));
  EXPECT_FALSE(accelerators().IsOff(kSet));
  EXPECT_TRUE(absl::IsNotFound(accelerators().Allow(kSet)));
}

}  // namespace
}  // namespace crossmill::coordinator
