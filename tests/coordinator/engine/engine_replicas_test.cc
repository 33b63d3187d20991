// Replicas that are executed while the first execution of their stage is under way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

// What a worker tells of its clock that ran from second to second, and was shown so many days later.
std::string ClockTold(int64_t begin, int64_t end, int64_t days = 0) {
  constexpr int64_t kNanos = 1'000'000'000;
  const std::string real = std::to_string(begin * kNanos) + " " + std::to_string(end * kNanos);
  const int64_t shift = days * 86'400 * kNanos;
  if (days == 0) return real;
  return std::to_string(begin * kNanos + shift) + " " + std::to_string(end * kNanos + shift) + " " + real;
}

class EngineReplicasTest : public EngineTest {
 protected:
  // The build of two RUNs, of which the first execution has begun the first one on w1.
  int64_t Begin(int verify, const std::string& vary = "") {
    auto submission = Submission("FROM scratch\nRUN one\nRUN two\n", verify);
    if (vary == "none") submission.mutable_options()->mutable_vary();
    one_ = NewWorker("w1", "host-a");
    const int64_t build = Submit(submission);
    const auto lease = one_->NextLease();
    EXPECT_TRUE(lease);
    first_ = lease.value_or(0);
    two_ = NewWorker("w2", "host-b");
    return build;
  }
  // That it was given nothing, after everything that was reported.
  bool IsIdle(PlayedWorker& worker, int64_t build) {
    EXPECT_OK(engine_->Watch(build, 1, false));  // goes through the loop
    EXPECT_OK(engine_->Watch(build, 1, false));
    return worker.Desired().empty();
  }
  // Time passes after everything that was reported.
  void Pass(int64_t build, absl::Duration time) {
    EXPECT_OK(engine_->Watch(build, 1, false));
    clock_.Advance(time);
  }
  static uint64_t Only(PlayedWorker& worker) {
    const auto lease = worker.NextLease();
    EXPECT_TRUE(lease);
    return lease.value_or(0);
  }
  v1::CellComparison ComparisonOf(int64_t build) {
    const v1::BuildView view = WaitForEnd(build);
    EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
    return view.cells(0).comparison();
  }

  std::unique_ptr<PlayedWorker> one_;
  std::unique_ptr<PlayedWorker> two_;
  uint64_t first_ = 0;
};

TEST_F(EngineReplicasTest, AReplicaExecutesTheStepThatTheFirstIsAt) {
  const int64_t build = Begin(2);
  one_->StartStep(first_, 0);
  EXPECT_TRUE(IsIdle(*two_, build)) << "its command has not begun: when that was the replica must know";
  one_->StartCommand(first_, 0, 100);
  const uint64_t beside = Only(*two_);
  ASSERT_EQ(two_->TaskOf(beside).steps_size(), 1);
  EXPECT_EQ(two_->TaskOf(beside).replica(), 1u);
  const v1::Step step = two_->TaskOf(beside).steps(0);
  EXPECT_EQ(step.first_began_at(), 100'000'000'000);
  EXPECT_FALSE(step.has_expected());
  EXPECT_EQ(step.expected_finished_at(), 0);
  // The replica is done first, then the first goes on, and the replica after it, on the first's layer.
  two_->FinishStep(beside, 0);
  two_->FinishTask(beside);
  EXPECT_TRUE(IsIdle(*two_, build));
  one_->FinishStep(first_, 0);
  one_->StartCommand(first_, 1, 103);
  const uint64_t next = Only(*two_);
  const v1::Task task = two_->TaskOf(next);
  ASSERT_EQ(task.steps_size(), 1);
  EXPECT_EQ(task.steps(0).text(), "RUN two");
  ASSERT_EQ(task.parents_size(), 1);
  EXPECT_EQ(task.parents(0).tar().hash(),
            engine_->reader().Get(build)->stages(0).steps(0).layer().tar().hash());
  two_->FinishStep(next, 0);
  two_->FinishTask(next);
  one_->FinishStep(first_, 1);
  one_->FinishTask(first_);
  const v1::CellComparison comparison = ComparisonOf(build);
  EXPECT_EQ(comparison.verdict(), v1::VERDICT_REPRODUCIBLE) << comparison.reason();
  EXPECT_EQ(comparison.hosts(), 2u);
  EXPECT_EQ(two_->steps_run(), 2) << "each once";
}

TEST_F(EngineReplicasTest, WhatItMissedItExecutesInOneTask) {
  const int64_t build = Begin(2);
  two_->Disconnect();
  one_->FinishStep(first_, 0);
  one_->StartCommand(first_, 1, 103);
  auto three = NewWorker("w3", "host-c");
  const uint64_t both = Only(*three);
  const v1::Task task = three->TaskOf(both);
  ASSERT_EQ(task.steps_size(), 2);
  EXPECT_TRUE(task.steps(0).has_expected());
  EXPECT_FALSE(task.steps(1).has_expected());
  EXPECT_EQ(task.steps(1).first_began_at(), 103'000'000'000);
  one_->FinishStep(first_, 1);
  one_->FinishTask(first_);
  for (const int step : {0, 1}) three->FinishStep(both, step);
  three->FinishTask(both);
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(three->steps_run(), 2);
}

TEST_F(EngineReplicasTest, WhereTheClockCannotBeShownAnotherItWaitsForTheFirst) {
  const int64_t build = Begin(2);
  one_->TellClock(ClockTold(100, 110));
  one_->StartCommand(first_, 0, 100);
  two_->GiveBackTooEarly(Only(*two_));
  EXPECT_TRUE(IsIdle(*two_, build)) << "it is not asked again";
  one_->FinishStep(first_, 0);
  const uint64_t after = Only(*two_);
  EXPECT_EQ(two_->TaskOf(after).steps(0).expected_finished_at(), 110'000'000'000);
  two_->FinishStep(after, 0);
  two_->FinishTask(after);
  one_->StartCommand(first_, 1, 111);
  two_->GiveBackTooEarly(Only(*two_));
  one_->FinishStep(first_, 1);
  one_->FinishTask(first_);
  const uint64_t last = Only(*two_);
  two_->FinishStep(last, 0);
  two_->FinishTask(last);
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(two_->steps_run(), 2);
}

// Whatever a worker did with what it was told: an execution whose clock met the first's is no witness.
TEST_F(EngineReplicasTest, AnExecutionWhoseClockMetTheFirstsIsRepeated) {
  const int64_t build = Begin(2);
  one_->TellClock(ClockTold(100, 110));
  one_->StartCommand(first_, 0, 100);
  const uint64_t beside = Only(*two_);
  Pass(build, absl::Seconds(5));
  two_->TellClock(ClockTold(104, 109));
  two_->FinishStep(beside, 0);
  two_->FinishTask(beside);
  Pass(build, absl::Seconds(1));
  one_->FinishStep(first_, 0);
  const uint64_t again = Only(*two_);
  EXPECT_EQ(two_->TaskOf(again).steps(0).text(), "RUN one");
  two_->TellClock(ClockTold(112, 115));
  Pass(build, absl::Seconds(1));
  two_->FinishStep(again, 0);
  two_->FinishTask(again);
  one_->TellClock(ClockTold(116, 120));
  one_->StartCommand(first_, 1, 116);
  const uint64_t next = Only(*two_);
  two_->TellClock(ClockTold(118, 122, 1));
  two_->FinishStep(next, 0);
  two_->FinishTask(next);
  Pass(build, absl::Seconds(1));
  one_->FinishStep(first_, 1);
  one_->FinishTask(first_);
  const v1::CellComparison comparison = ComparisonOf(build);
  EXPECT_EQ(comparison.verdict(), v1::VERDICT_REPRODUCIBLE) << comparison.reason();
  EXPECT_EQ(two_->steps_run(), 3);
  ASSERT_EQ(comparison.steps(0).witnesses_size(), 2);
  EXPECT_EQ(comparison.steps(0).witnesses(1).circumstances(0).value(), ClockTold(112, 115));
}

TEST_F(EngineReplicasTest, WhereNothingIsVariedTheCommandIsNotWaitedFor) {
  const int64_t build = Begin(2, "none");
  one_->StartStep(first_, 0);
  const uint64_t beside = Only(*two_);
  EXPECT_EQ(two_->TaskOf(beside).steps(0).first_began_at(), 0);
  one_->FinishStep(first_, 0);
  two_->FinishStep(beside, 0);
  two_->FinishTask(beside);
  one_->PlayAll();
  two_->PlayAll();
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE);
}

// ---- never in the way ----

TEST_F(EngineReplicasTest, AFirstExecutionGetsThePlaceOfAReplica) {
  const int64_t build = Begin(2);
  one_->StartCommand(first_, 0, 100);
  const uint64_t beside = Only(*two_);
  two_->StartStep(beside, 0);
  // Both workers have two slots.
  auto submission = Submission(
      "FROM scratch AS a\nRUN a\nFROM scratch AS b\nRUN b\nFROM scratch AS c\nRUN c\n"
      "FROM scratch\nCOPY --from=a /a /a\nCOPY --from=b /b /b\nCOPY --from=c /c /c\n");
  const int64_t other = Submit(submission);
  ASSERT_TRUE(Eventually([&] { return !two_->Desired().contains(beside); }));
  EXPECT_EQ(two_->Desired().size(), 2u);
  const v1::BuildView view = *engine_->reader().Get(build);
  EXPECT_EQ(view.stages(0).steps(0).replicas(0).status(), v1::STEP_STATUS_WAITING);
  EXPECT_EQ(view.warnings_size(), 0);
  one_->PlayAll();
  two_->PlayAll();
  EXPECT_EQ(WaitForEnd(other).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE);
}

TEST_F(EngineReplicasTest, WithoutAnotherHostNobodyComplainsBeforeTheFirstIsDone) {
  one_ = NewWorker("w1", "host-a");
  two_ = NewWorker("w2", "host-a");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\n", 2));
  bool is_one = true;
  ASSERT_TRUE(Eventually([&] {
    is_one = !one_->Desired().empty();
    return is_one || !two_->Desired().empty();
  }));
  PlayedWorker& worker = is_one ? *one_ : *two_;
  const uint64_t first = Only(worker);
  worker.StartCommand(first, 0, 100);
  worker.FinishStep(first, 0);
  EXPECT_TRUE(IsIdle(is_one ? *two_ : *one_, build));
  EXPECT_EQ(engine_->reader().Get(build)->warnings_size(), 0);
  worker.FinishStep(first, 1);
  worker.FinishTask(first);
  EXPECT_TRUE(Eventually([&] { return engine_->reader().Get(build)->warnings_size() > 0; }));
}

// ---- what goes wrong ----

TEST_F(EngineReplicasTest, TheFirstThatFailsIsTriedElsewhereAndTheReplicaCountsAsATry) {
  const int64_t build = Begin(2);
  one_->StartCommand(first_, 0, 100);
  const uint64_t beside = Only(*two_);
  one_->FailOn("one", 3);
  two_->FailOn("one", 3);
  two_->FinishStep(beside, 0);
  one_->FinishStep(first_, 0);
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_FAILED);
  EXPECT_EQ(one_->steps_run() + two_->steps_run(), 2) << "as many as were asked for";
}

TEST_F(EngineReplicasTest, AReplicaThatFailsWhereTheFirstSucceedsIsFlaky) {
  const int64_t build = Begin(2);
  one_->StartCommand(first_, 0, 100);
  const uint64_t beside = Only(*two_);
  two_->FailOn("one", 3);
  two_->FinishStep(beside, 0);
  one_->PlayAll();
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_FLAKY);
}

// The first is lost, and its place is taken by the host of the replica: that one is no witness any more.
TEST_F(EngineReplicasTest, AReplicaIsNoWitnessOnThePlaceOfTheFirst) {
  const int64_t build = Begin(2);
  one_->StartCommand(first_, 0, 100);
  const uint64_t beside = Only(*two_);
  two_->FinishStep(beside, 0);
  two_->FinishTask(beside);
  one_->Connect({});
  one_->Disconnect();
  ASSERT_TRUE(Eventually([&] { return !two_->Desired().empty(); }));
  const uint64_t first = Only(*two_);
  EXPECT_EQ(two_->TaskOf(first).replica(), 0u);
  two_->StartCommand(first, 0, 110);
  one_->Connect({});
  const uint64_t again = Only(*one_);
  EXPECT_EQ(one_->TaskOf(again).replica(), 1u);
  one_->FinishStep(again, 0);
  one_->FinishTask(again);
  one_->PlayAll();
  two_->PlayAll();
  const v1::CellComparison comparison = ComparisonOf(build);
  EXPECT_EQ(comparison.verdict(), v1::VERDICT_REPRODUCIBLE) << comparison.reason();
  EXPECT_EQ(comparison.hosts(), 2u);
}

TEST_F(EngineReplicasTest, ARestartRepeatsNoMoreThanTheStepBesideTheFirst) {
  const int64_t build = Begin(2);
  one_->FinishStep(first_, 0);
  one_->StartCommand(first_, 1, 103);
  const uint64_t both = Only(*two_);
  ASSERT_EQ(two_->TaskOf(both).steps_size(), 2);
  two_->FinishStep(both, 0);
  two_->StartStep(both, 1);
  ASSERT_TRUE(
      Eventually([&] { return engine_->reader().Get(build)->stages(0).steps(1).replicas_size() == 1; }));
  StopCoordinator();
  StartCoordinator();
  one_->Reconnect(*engine_, {first_});
  two_->Reconnect(*engine_, {both});
  ASSERT_TRUE(Eventually([&] { return !two_->Desired().contains(both); }));
  one_->FinishStep(first_, 1);
  one_->FinishTask(first_);
  const uint64_t again = Only(*two_);
  ASSERT_EQ(two_->TaskOf(again).steps_size(), 1);
  EXPECT_EQ(two_->TaskOf(again).steps(0).text(), "RUN two");
  two_->FinishStep(again, 0);
  two_->FinishTask(again);
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE);
}

TEST_F(EngineReplicasTest, ACancelledBuildTakesItsReplicasBack) {
  const int64_t build = Begin(2);
  one_->StartCommand(first_, 0, 100);
  const uint64_t beside = Only(*two_);
  two_->StartStep(beside, 0);
  ASSERT_OK(engine_->Cancel(build, false));
  EXPECT_TRUE(Eventually([&] { return two_->Desired().empty() && one_->Desired().empty(); }));
}

TEST_F(EngineReplicasTest, AnExecutionOfAnotherBuildIsRepeatedBesideToo) {
  one_ = NewWorker("w1", "host-a");
  const int64_t owner = Submit(Submission("FROM scratch\nRUN one\n"));
  const uint64_t first = Only(*one_);
  one_->StartCommand(first, 0, 100);
  const int64_t verified = Submit(Submission("FROM scratch\nENV A=1\nRUN one\n", 2));
  const int64_t same = Submit(Submission("FROM scratch\nRUN one\nRUN two\n", 2));
  two_ = NewWorker("w2", "host-b");
  const uint64_t beside = Only(*two_);
  EXPECT_EQ(two_->TaskOf(beside).replica(), 1u);
  EXPECT_EQ(two_->TaskOf(beside).steps(0).first_began_at(), 100'000'000'000);
  two_->FinishStep(beside, 0);
  two_->FinishTask(beside);
  one_->PlayAll();
  two_->PlayAll();
  for (const int64_t build : {verified, same}) {
    EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE) << build;
  }
  WaitForEnd(owner);
}

}  // namespace
}  // namespace crossmill::coordinator
