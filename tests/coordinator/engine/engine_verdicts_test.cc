// What a build with --verify is told: failures of one host and of all, old ones, and links between stages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

TEST_F(EngineTest, AReplicaThatFailsMakesTheStepFlakyAndSaysWhy) {
  auto one = NewWorker("w1", "host-a");
  one->PlayAll();
  const auto submission = Submission("FROM scratch\nRUN one\nRUN two\n", 2);
  const int64_t build = Submit(submission);
  ASSERT_TRUE(Eventually([&] { return one->steps_run() == 2; }));
  auto two = NewWorker("w2", "host-b");
  two->FailOn("two", 3);
  two->PlayAll();
  const v1::BuildView view = WaitForEnd(build);
  ASSERT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  const v1::CellComparison& comparison = view.cells(0).comparison();
  EXPECT_EQ(comparison.verdict(), v1::VERDICT_FLAKY);
  EXPECT_THAT(comparison.reason(), HasSubstr("exit code 3 on w2"));
  ASSERT_EQ(comparison.image_digests_size(), 2);
  EXPECT_EQ(comparison.image_digests(1), "") << "a replica that failed has no image";
  ASSERT_EQ(comparison.steps_size(), 2);
  EXPECT_FALSE(comparison.steps(1).agrees());
  EXPECT_FALSE(comparison.steps(1).reaches_image());
  ASSERT_EQ(view.stages(0).steps(1).replicas_size(), 1);
  const v1::ReplicaStep& replica = view.stages(0).steps(1).replicas(0);
  EXPECT_EQ(replica.status(), v1::STEP_STATUS_FAILED);
  EXPECT_EQ(replica.exit_code(), 3);
  EXPECT_EQ(replica.failure(), "exit code 3");
}

TEST_F(EngineTest, AFailureFromBeforeTheSubmissionIsForgotten) {
  auto two = NewWorker("w2", "host-b");
  two->FailOn("two", 3);
  two->PlayAll();
  ASSERT_EQ(WaitForEnd(Submit(Submission("FROM scratch\nRUN one\nRUN two\n"))).status(),
            v1::BUILD_STATUS_FAILED);
  two->Mend("two");
  clock_.Advance(absl::Seconds(1));
  two->Heartbeat();
  auto one = NewWorker("w1", "host-a");
  one->PlayAll();
  const v1::BuildView view = WaitForEnd(Submit(Submission("FROM scratch\nRUN one\nRUN two\n", 2)));
  ASSERT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_REPRODUCIBLE)
      << view.cells(0).comparison().reason();
}

TEST_F(EngineTest, AFirstExecutionThatFailsIsTriedOnAnotherHostAndIsFlaky) {
  auto one = NewWorker("w1", "host-a");
  one->FailOn("two", 3);
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nENV A=1\nRUN two\nRUN three\n", 2));
  const auto lease = one->NextLease();
  ASSERT_TRUE(lease);
  auto two = NewWorker("w2", "host-b");
  two->PlayAll();
  one->FinishStep(*lease, 0);
  one->FinishStep(*lease, 1);
  one->PlayAll();
  const v1::BuildView view = WaitForEnd(build);
  ASSERT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_FLAKY) << view.cells(0).comparison().reason();
  EXPECT_EQ(view.stages(0).steps(2).worker(), "w2");
  ASSERT_GE(view.warnings_size(), 1);
  EXPECT_THAT(view.warnings(0), HasSubstr("exit code 3 on w1; another host tries it"));
}

TEST_F(EngineTest, AStepThatFailsEverywhereFailedAndIsNotFlaky) {
  auto one = NewWorker("w1", "host-a");
  auto two = NewWorker("w2", "host-b");
  for (auto* worker : {one.get(), two.get()}) {
    worker->FailOn("two", 3);
    worker->PlayAll();
  }
  const v1::BuildView view = WaitForEnd(Submit(Submission("FROM scratch\nRUN one\nRUN two\n", 2)));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("Dockerfile:3: RUN on linux/amd64: exit code 3"));
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_FAILED);
  const auto rows = records_->Witnesses(view.stages(0).steps(1).key(), 0, 0);
  ASSERT_OK(rows);
  EXPECT_EQ(rows->size(), 2u) << "once on each host";
}

TEST_F(EngineTest, WithoutAnotherHostAFailureIsOneAtOnce) {
  auto one = NewWorker("w1", "host-a");
  auto two = NewWorker("w2", "host-a");
  for (auto* worker : {one.get(), two.get()}) {
    worker->FailOn("one", 3);
    worker->PlayAll();
  }
  const v1::BuildView view = WaitForEnd(Submit(Submission("FROM scratch\nRUN one\n", 2)));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(one->tasks_started() + two->tasks_started(), 1);
}

TEST_F(EngineTest, AnExportIsJudgedByWhereTheWorkerFoundIt) {
  auto one = NewWorker("w1", "host-a");
  auto two = NewWorker("w2", "host-b");
  for (auto* worker : {one.get(), two.get()}) {
    worker->DifferOn("two");
    worker->PlayAll();
  }
  const auto submission = [&](const std::string& copied) {
    return Submission("FROM scratch AS a\nRUN one\nRUN two\nFROM scratch\nCOPY --from=a /" + copied + " x\n",
                      2);
  };
  const v1::BuildView apart = WaitForEnd(Submit(submission("one")));
  EXPECT_EQ(apart.cells(0).comparison().verdict(), v1::VERDICT_REPRODUCIBLE)
      << apart.cells(0).comparison().reason();
  // The export of /current was made of /two.
  for (auto* worker : {one.get(), two.get()}) worker->LeadTo("/current", "two");
  const v1::BuildView through = WaitForEnd(Submit(submission("current")));
  EXPECT_EQ(through.cells(0).comparison().verdict(), v1::VERDICT_UNREPRODUCIBLE);
  // A hit of the cache knows it too.
  EXPECT_EQ(WaitForEnd(Submit(submission("current"))).cells(0).comparison().verdict(),
            v1::VERDICT_UNREPRODUCIBLE);
}

TEST_F(EngineTest, AnExportThatNobodyResolvedGetsNoTick) {
  auto one = NewWorker("w1", "host-a");
  auto two = NewWorker("w2", "host-b");
  for (auto* worker : {one.get(), two.get()}) {
    worker->DifferOn("two");
    worker->LeadTo("/one", "");
    worker->PlayAll();
  }
  const v1::BuildView view = WaitForEnd(
      Submit(Submission("FROM scratch AS a\nRUN one\nRUN two\nFROM scratch\nCOPY --from=a /one x\n", 2)));
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_UNREPRODUCIBLE);
}

// ---- several replicas ----

// The only task that the worker has, when it has one.
uint64_t OnlyLease(PlayedWorker& worker) {
  const auto lease = worker.NextLease();
  EXPECT_TRUE(lease);
  return lease.value_or(0);
}

TEST_F(EngineTest, TheReplicasOfAStageRunSideBySideAndEndInAnyOrder) {
  auto one = NewWorker("w1", "host-a");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\n", 3));
  const uint64_t first = OnlyLease(*one);
  for (const int step : {0, 1}) one->FinishStep(first, step);
  one->FinishTask(first);
  // Hosts that were there before would be given the steps one by one, as the first ends them.
  auto two = NewWorker("w2", "host-b");
  auto three = NewWorker("w3", "host-c");
  // Both are there before either has done anything; the later one ends first.
  const uint64_t second = OnlyLease(*two);
  const uint64_t third = OnlyLease(*three);
  EXPECT_NE(two->TaskOf(second).replica(), three->TaskOf(third).replica());
  const bool two_is_last = two->TaskOf(second).replica() == 2;
  PlayedWorker& late = two_is_last ? *three : *two;
  PlayedWorker& early = two_is_last ? *two : *three;
  for (PlayedWorker* worker : {&early, &late}) {
    const uint64_t lease = worker == two.get() ? second : third;
    for (const int step : {0, 1}) worker->FinishStep(lease, step);
    worker->FinishTask(lease);
  }
  const v1::BuildView view = WaitForEnd(build);
  const v1::CellComparison& comparison = view.cells(0).comparison();
  EXPECT_EQ(comparison.verdict(), v1::VERDICT_REPRODUCIBLE) << comparison.reason();
  EXPECT_EQ(comparison.hosts(), 3u);
  EXPECT_EQ(comparison.executions(), 3u);
  EXPECT_EQ(one->steps_run() + two->steps_run() + three->steps_run(), 6) << "each once on each host";
}

// One of them waits for a host, and must not be placed where the other has just been.
TEST_F(EngineTest, AReplicaThatWaitsAvoidsWhereAnotherHasBeen) {
  auto one = NewWorker("w1", "host-a");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n", 3));
  const uint64_t first = OnlyLease(*one);
  auto two = NewWorker("w2", "host-b");
  one->FinishStep(first, 0);
  one->FinishTask(first);
  const uint64_t second = OnlyLease(*two);
  two->FinishStep(second, 0);
  two->FinishTask(second);
  ASSERT_TRUE(Eventually([&] { return engine_->reader().Get(build)->warnings_size() > 0; }))
      << "a third host is needed";
  EXPECT_EQ(two->tasks_given(), 1u);
  auto three = NewWorker("w3", "host-c");
  three->PlayAll();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_REPRODUCIBLE)
      << view.cells(0).comparison().reason();
  EXPECT_EQ(view.cells(0).comparison().hosts(), 3u);
}

TEST_F(EngineTest, AReplicaThatIsLostIsRepeatedAndTheOtherIsNot) {
  auto one = NewWorker("w1", "host-a");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\n", 3));
  const uint64_t first = OnlyLease(*one);
  for (const int step : {0, 1}) one->FinishStep(first, step);
  one->FinishTask(first);
  // They come afterwards: what is executed beside the first is given step by step.
  auto two = NewWorker("w2", "host-b");
  auto three = NewWorker("w3", "host-c");
  const uint64_t second = OnlyLease(*two);
  const uint64_t third = OnlyLease(*three);
  two->FinishStep(second, 0);
  for (const int step : {0, 1}) three->FinishStep(third, step);
  three->FinishTask(third);
  two->Connect({});  // it knows nothing of its lease any more
  const uint64_t again = OnlyLease(*two);
  two->FinishStep(again, 0);
  two->FinishTask(again);
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_REPRODUCIBLE)
      << view.cells(0).comparison().reason();
  EXPECT_EQ(view.cells(0).comparison().hosts(), 3u);
  EXPECT_EQ(three->steps_run(), 2);
}

TEST_F(EngineTest, WithTooFewHostsTheReplicasThatThereAreRunAndTheVerdictSaysSo) {
  auto one = NewWorker("w1", "host-a");
  auto two = NewWorker("w2", "host-b");
  for (auto* worker : {one.get(), two.get()}) worker->PlayAll();
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n", 4));
  ASSERT_TRUE(Eventually([&] { return engine_->reader().Get(build)->warnings_size() > 0; }));
  clock_.Advance(absl::Seconds(21));
  for (auto* worker : {one.get(), two.get()}) worker->Heartbeat();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_INCONCLUSIVE);
  EXPECT_EQ(view.cells(0).comparison().hosts(), 2u);
  EXPECT_EQ(one->steps_run() + two->steps_run(), 2);
}

// Another build's attempt under way is joined, unless it runs where this build's has failed.
TEST_F(EngineTest, AStepThatIsTriedAgainJoinsNobodyOnTheHostWhereItFailed) {
  auto one = NewWorker("w1", "host-a");
  const int64_t verified = Submit(Submission("FROM scratch\nRUN one\n", 2));
  const uint64_t first = OnlyLease(*one);
  // The other build's secret-free attempt of the same step, on the same host: begun later, so not joined by
  // the first, with no cache.
  clock_.Advance(absl::Seconds(1));
  auto submission = Submission("FROM scratch\nRUN one\n");
  submission.mutable_options()->set_no_cache(true);
  const int64_t other = Submit(submission);
  const uint64_t beside = OnlyLease(*one);
  auto two = NewWorker("w2", "host-b");
  one->FailOn("one", 3);
  one->FinishStep(first, 0);
  const uint64_t again = OnlyLease(*two);
  one->Mend("one");
  one->FinishStep(beside, 0);
  one->FinishTask(beside);
  EXPECT_EQ(WaitForEnd(other).status(), v1::BUILD_STATUS_SUCCEEDED);
  two->FinishStep(again, 0);
  two->FinishTask(again);
  const v1::BuildView view = WaitForEnd(verified);
  EXPECT_EQ(view.stages(0).steps(0).worker(), "w2");
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_FLAKY) << view.cells(0).comparison().reason();
}

}  // namespace
}  // namespace crossmill::coordinator
