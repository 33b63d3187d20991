// Replicas that are executed while the first execution of their stage is under way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

// What a worker tells of its clock that ran from second to second; with a shift of a day.
std::string ClockTold(int64_t begin, int64_t end, bool shifted = false) {
  constexpr int64_t kNanos = 1'000'000'000;
  const auto interval = [&](int64_t shift) {
    return std::to_string((begin + shift) * kNanos) + " " + std::to_string((end + shift) * kNanos);
  };
  return shifted ? interval(86'400) + " " + interval(0) : interval(0);
}

class EngineReplicasTest : public EngineTest {
 protected:
  // They report to the coordinator until they are gone.
  void TearDown() override {
    one_.reset();
    two_.reset();
    EngineTest::TearDown();
  }

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

TEST_F(EngineReplicasTest, AReplicaExecutesWhatTheFirstHasEndedWhileThatIsAtTheNextStep) {
  const int64_t build = Begin(2);
  one_->StartStep(first_, 0);
  EXPECT_TRUE(IsIdle(*two_, build)) << "times of files would be the first's";
  one_->TellClock(ClockTold(100, 110));
  one_->FinishStep(first_, 0);
  one_->StartStep(first_, 1);
  const uint64_t replica = Only(*two_);
  ASSERT_EQ(two_->TaskOf(replica).steps_size(), 1);
  EXPECT_EQ(two_->TaskOf(replica).replica(), 1u);
  const v1::Step step = two_->TaskOf(replica).steps(0);
  EXPECT_EQ(step.text(), "RUN one");
  EXPECT_TRUE(step.has_expected());
  EXPECT_EQ(step.expected_finished_at(), 110'000'000'000);
  two_->FinishStep(replica, 0);
  two_->FinishTask(replica);
  EXPECT_TRUE(IsIdle(*two_, build));
  one_->FinishStep(first_, 1);
  // On the first's layer; the first itself has not told yet that its task is over.
  const uint64_t next = Only(*two_);
  const v1::Task task = two_->TaskOf(next);
  ASSERT_EQ(task.steps_size(), 1);
  EXPECT_EQ(task.steps(0).text(), "RUN two");
  ASSERT_EQ(task.parents_size(), 1);
  EXPECT_EQ(task.parents(0).tar().hash(),
            engine_->reader().Get(build)->stages(0).steps(0).layer().tar().hash());
  two_->FinishStep(next, 0);
  two_->FinishTask(next);
  one_->FinishTask(first_);
  const v1::CellComparison comparison = ComparisonOf(build);
  EXPECT_EQ(comparison.verdict(), v1::VERDICT_REPRODUCIBLE) << comparison.reason();
  EXPECT_EQ(comparison.hosts(), 2u);
  EXPECT_EQ(two_->steps_run(), 2) << "each once";
}

// A lease that is taken up again may be at a later step than the one that was running when the coordinator
// stopped: what it reports then was once recorded as the result of that one, and called unreproducible.
TEST_F(EngineReplicasTest, WhatAnotherBuildExecutedMeanwhileKeepsItsResultOverARestart) {
  const int64_t build = Begin(2, "none");
  two_->Disconnect();
  one_->FinishStep(first_, 0);
  one_->FinishStep(first_, 1);
  one_->FinishTask(first_);
  auto three = NewWorker("w3", "host-c");
  const uint64_t both = Only(*three);
  ASSERT_EQ(three->TaskOf(both).steps_size(), 2);
  three->StartStep(both, 0);
  auto submission = Submission("FROM scratch\nRUN one\nRUN two\n", 2);
  submission.mutable_options()->mutable_vary();
  const int64_t other = Submit(submission);
  const uint64_t others = Only(*three);
  ASSERT_EQ(three->TaskOf(others).replica(), 1u);
  three->FinishStep(others, 0);
  IsIdle(*three, other);  // all of it is recorded
  StopCoordinator();
  StartCoordinator();
  one_->Reconnect(*engine_, {});
  three->Reconnect(*engine_, {both, others});
  three->FinishStep(both, 1);
  three->FinishTask(both);
  three->FinishStep(others, 1);
  three->FinishTask(others);
  for (const int64_t each : {build, other}) {
    const v1::CellComparison comparison = ComparisonOf(each);
    EXPECT_EQ(comparison.verdict(), v1::VERDICT_REPRODUCIBLE) << comparison.reason();
  }
}

TEST_F(EngineReplicasTest, WhatItMissedItExecutesInOneTask) {
  const int64_t build = Begin(2);
  two_->Disconnect();
  one_->FinishStep(first_, 0);
  one_->FinishStep(first_, 1);
  auto three = NewWorker("w3", "host-c");
  const uint64_t both = Only(*three);
  const v1::Task task = three->TaskOf(both);
  ASSERT_EQ(task.steps_size(), 2);
  EXPECT_TRUE(task.steps(0).has_expected());
  EXPECT_TRUE(task.steps(1).has_expected());
  one_->FinishTask(first_);
  for (const int step : {0, 1}) three->FinishStep(both, step);
  three->FinishTask(both);
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(three->steps_run(), 2);
}

// With two workers: a step between others that both have executed keeps the replica of the others from
// nobody.
TEST_F(EngineReplicasTest, AStepThatHasItsWitnessBelongsToNoTask) {
  const auto first_on_one = [&](const std::string& recipe) {
    one_ = NewWorker("w1", "host-a");
    one_->PlayAll();
    const int64_t build = Submit(Submission(recipe, 2));
    EXPECT_TRUE(Eventually([&] {
      const v1::BuildView view = *engine_->reader().Get(build);
      return view.stages_size() == 1 && view.stages(0).steps(2).status() == v1::STEP_STATUS_EXECUTED;
    }));
    two_ = NewWorker("w2", "host-b");
    two_->PlayAll();
    const v1::CellComparison comparison = ComparisonOf(build);
    EXPECT_EQ(comparison.verdict(), v1::VERDICT_REPRODUCIBLE) << comparison.reason();
    one_->Disconnect();
    two_->Disconnect();
  };
  first_on_one("FROM scratch\nRUN one\nRUN two\nRUN three\n");
  // Other commands that make the same: only the one in the middle has its witness.
  first_on_one("FROM scratch\nRUN another one\nRUN two\nRUN another three\n");
  EXPECT_EQ(two_->steps_run(), 2);
}

TEST_F(EngineReplicasTest, WhereTheClockMayBeTheSameItExecutesTheStepThatTheFirstIsAt) {
  const int64_t build = Begin(2, "none");
  EXPECT_TRUE(IsIdle(*two_, build)) << "the first has not begun";
  one_->StartStep(first_, 0);
  const uint64_t beside = Only(*two_);
  ASSERT_EQ(two_->TaskOf(beside).steps_size(), 1);
  const v1::Step step = two_->TaskOf(beside).steps(0);
  EXPECT_FALSE(step.has_expected());
  EXPECT_EQ(step.expected_finished_at(), 0);
  // The replica is done first, then the first goes on, and the replica with it.
  two_->FinishStep(beside, 0);
  two_->FinishTask(beside);
  EXPECT_TRUE(IsIdle(*two_, build));
  one_->FinishStep(first_, 0);
  one_->StartStep(first_, 1);
  const uint64_t next = Only(*two_);
  EXPECT_EQ(two_->TaskOf(next).steps(0).text(), "RUN two");
  two_->FinishStep(next, 0);
  two_->FinishTask(next);
  one_->FinishStep(first_, 1);
  one_->FinishTask(first_);
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(two_->steps_run(), 2) << "each once";
}

TEST_F(EngineReplicasTest, WhatHasNoCommandIsExecutedBesideTheFirst) {
  one_ = NewWorker("w1", "host-a");
  const int64_t build = Submit(Submission("FROM scratch\nWORKDIR /w\nRUN two\n", 2));
  const uint64_t first = Only(*one_);
  one_->StartStep(first, 0);
  two_ = NewWorker("w2", "host-b");
  const uint64_t beside = Only(*two_);
  ASSERT_EQ(two_->TaskOf(beside).steps_size(), 1);
  EXPECT_FALSE(two_->TaskOf(beside).steps(0).has_expected());
  one_->PlayAll();
  two_->PlayAll();
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE);
}

// The replica of a build runs while another one, which shares nothing that was before, executes the same step
// for the first time.
TEST_F(EngineReplicasTest, AnExecutionThatRanWhileTheFirstDidIsNoWitness) {
  const int64_t build = Begin(2);
  two_->Disconnect();
  one_->TellClock(ClockTold(100, 110));
  one_->FinishStep(first_, 0);
  Pass(build, absl::Seconds(11));
  auto submission = Submission("FROM scratch\nRUN one\n", 2);
  submission.mutable_options()->set_no_cache(true);
  const int64_t anew = Submit(submission);
  const uint64_t again = Only(*one_);
  one_->StartStep(again, 0);
  Pass(anew, absl::Seconds(1));
  auto three = NewWorker("w3", "host-c");
  const uint64_t replica = Only(*three);
  three->StartStep(replica, 0);
  Pass(anew, absl::Seconds(5));
  three->TellClock(ClockTold(112, 117, true));
  three->FinishStep(replica, 0);
  three->FinishTask(replica);
  Pass(anew, absl::Seconds(1));
  one_->TellClock(ClockTold(111, 118));
  one_->FinishStep(again, 0);
  one_->FinishTask(again);
  const uint64_t repeated = Only(*three);
  EXPECT_EQ(three->TaskOf(repeated).steps(0).text(), "RUN one");
  three->TellClock(ClockTold(120, 122, true));
  three->FinishStep(repeated, 0);
  three->FinishTask(repeated);
  const v1::CellComparison comparison = ComparisonOf(anew);
  EXPECT_EQ(comparison.verdict(), v1::VERDICT_REPRODUCIBLE) << comparison.reason();
  ASSERT_EQ(comparison.steps(0).witnesses_size(), 2);
  EXPECT_EQ(comparison.steps(0).witnesses(1).circumstances(0).value(), ClockTold(120, 122, true));
  one_->PlayAll();
  three->PlayAll();
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE);
}

// ---- never in the way ----

TEST_F(EngineReplicasTest, AFirstExecutionGetsThePlaceOfAReplica) {
  const int64_t build = Begin(2);
  one_->FinishStep(first_, 0);
  const uint64_t replica = Only(*two_);
  two_->StartStep(replica, 0);
  // Both workers have two slots.
  auto submission = Submission(
      "FROM scratch AS a\nRUN a\nFROM scratch AS b\nRUN b\nFROM scratch AS c\nRUN c\n"
      "FROM scratch\nCOPY --from=a /a /a\nCOPY --from=b /b /b\nCOPY --from=c /c /c\n");
  const int64_t other = Submit(submission);
  ASSERT_TRUE(Eventually([&] { return !two_->Desired().contains(replica); }));
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
  worker.FinishStep(first, 0);
  EXPECT_TRUE(IsIdle(is_one ? *two_ : *one_, build));
  EXPECT_EQ(engine_->reader().Get(build)->warnings_size(), 0);
  worker.FinishStep(first, 1);
  worker.FinishTask(first);
  EXPECT_TRUE(Eventually([&] { return engine_->reader().Get(build)->warnings_size() > 0; }));
}

// ---- what goes wrong ----

TEST_F(EngineReplicasTest, TheFirstThatFailsIsTriedElsewhereAndTheReplicaCountsAsATry) {
  const int64_t build = Begin(2, "none");
  one_->StartStep(first_, 0);
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
  one_->FinishStep(first_, 0);
  const uint64_t replica = Only(*two_);
  two_->FailOn("one", 3);
  two_->FinishStep(replica, 0);
  one_->PlayAll();
  EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_FLAKY);
}

// The first is lost. What the replica made is the first execution now, and the stage goes on where that was:
// the step needs another witness.
TEST_F(EngineReplicasTest, AReplicaIsNoWitnessOnThePlaceOfTheFirst) {
  const int64_t build = Begin(2, "none");
  one_->StartStep(first_, 0);
  const uint64_t beside = Only(*two_);
  two_->FinishStep(beside, 0);
  two_->FinishTask(beside);
  one_->Connect({});
  one_->Disconnect();
  ASSERT_TRUE(Eventually([&] { return !two_->Desired().empty(); }));
  const uint64_t first = Only(*two_);
  EXPECT_EQ(two_->TaskOf(first).replica(), 0u);
  EXPECT_EQ(two_->TaskOf(first).steps(0).text(), "RUN two");
  two_->StartStep(first, 0);
  one_->Connect({});
  const uint64_t again = Only(*one_);
  EXPECT_EQ(one_->TaskOf(again).replica(), 1u);
  ASSERT_EQ(one_->TaskOf(again).steps_size(), 2);
  for (const int step : {0, 1}) one_->FinishStep(again, step);
  one_->FinishTask(again);
  two_->PlayAll();
  const v1::CellComparison comparison = ComparisonOf(build);
  EXPECT_EQ(comparison.verdict(), v1::VERDICT_REPRODUCIBLE) << comparison.reason();
  EXPECT_EQ(comparison.hosts(), 2u);
}

TEST_F(EngineReplicasTest, AfterARestartAReplicaGoesOn) {
  for (const bool is_beside : {false, true}) {
    const int64_t build = Begin(2, is_beside ? "none" : "");
    if (is_beside) {
      one_->StartStep(first_, 0);
    } else {
      one_->FinishStep(first_, 0);
    }
    const uint64_t replica = Only(*two_);
    two_->StartStep(replica, 0);
    ASSERT_TRUE(
        Eventually([&] { return engine_->reader().Get(build)->stages(0).steps(0).replicas_size() == 1; }));
    StopCoordinator();
    StartCoordinator();
    one_->Reconnect(*engine_, {first_});
    two_->Reconnect(*engine_, {replica});
    two_->FinishStep(replica, 0);
    two_->FinishTask(replica);
    if (is_beside) one_->FinishStep(first_, 0);
    one_->FinishStep(first_, 1);
    one_->FinishTask(first_);
    const uint64_t next = Only(*two_);
    EXPECT_EQ(two_->TaskOf(next).steps(0).text(), "RUN two");
    two_->FinishStep(next, 0);
    two_->FinishTask(next);
    EXPECT_EQ(ComparisonOf(build).verdict(), v1::VERDICT_REPRODUCIBLE);
    EXPECT_EQ(two_->steps_run(), 2) << "each once";
    StopCoordinator();
    SetUp();
  }
}

TEST_F(EngineReplicasTest, ACancelledBuildTakesItsReplicasBack) {
  const int64_t build = Begin(2);
  one_->FinishStep(first_, 0);
  two_->StartStep(Only(*two_), 0);
  ASSERT_OK(engine_->Cancel(build, false));
  EXPECT_TRUE(Eventually([&] { return two_->Desired().empty() && one_->Desired().empty(); }));
}

TEST_F(EngineReplicasTest, AnExecutionOfAnotherBuildIsRepeatedBesideToo) {
  one_ = NewWorker("w1", "host-a");
  const int64_t owner = Submit(Submission("FROM scratch\nRUN one\n"));
  const uint64_t first = Only(*one_);
  one_->StartStep(first, 0);
  auto submission = Submission("FROM scratch\nENV A=1\nRUN one\n", 2);
  submission.mutable_options()->mutable_vary();
  const int64_t verified = Submit(submission);
  submission.mutable_recipe()->set_dockerfile("FROM scratch\nRUN one\nRUN two\n");
  const int64_t same = Submit(submission);
  // Both wait for it before anybody could execute anything else of them.
  ASSERT_TRUE(Eventually([&] {
    return engine_->reader().Get(verified)->status() == v1::BUILD_STATUS_RUNNING &&
           engine_->reader().Get(same)->status() == v1::BUILD_STATUS_RUNNING;
  }));
  two_ = NewWorker("w2", "host-b");
  const uint64_t beside = Only(*two_);
  EXPECT_EQ(two_->TaskOf(beside).replica(), 1u);
  EXPECT_FALSE(two_->TaskOf(beside).steps(0).has_expected());
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
