// The engine with real records, blobs and images, and workers that are played by the test.
#include "coordinator/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(EngineTest, BuildRunsAndASecondOneIsCached) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  const auto submission = Submission("FROM scratch\nRUN one\nENV A=b\nRUN two\n");
  const v1::BuildView first = WaitForEnd(Submit(submission));
  ASSERT_EQ(first.status(), v1::BUILD_STATUS_SUCCEEDED) << first.message();
  EXPECT_EQ(worker->steps_run(), 2);
  ASSERT_EQ(first.stages(0).steps_size(), 3);
  EXPECT_EQ(first.stages(0).steps(0).status(), v1::STEP_STATUS_EXECUTED);
  EXPECT_EQ(first.stages(0).steps(1).status(), v1::STEP_STATUS_METADATA);
  EXPECT_FALSE(first.cells(0).image_digest().empty());
  EXPECT_FALSE(first.index_digest().empty());

  const v1::BuildView second = WaitForEnd(Submit(submission));
  EXPECT_EQ(second.status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(worker->steps_run(), 2) << "nothing ran again";
  EXPECT_EQ(second.stages(0).steps(2).status(), v1::STEP_STATUS_CACHED);
  EXPECT_EQ(second.index_digest(), first.index_digest());
}

TEST_F(EngineTest, NoCacheRunsEverythingAgain) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  auto submission = Submission("FROM scratch\nRUN one\n");
  WaitForEnd(Submit(submission));
  clock_.Advance(absl::Seconds(1));
  submission.mutable_options()->set_no_cache(true);
  EXPECT_EQ(WaitForEnd(Submit(submission)).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(worker->steps_run(), 2);
}

TEST_F(EngineTest, EqualStepsOfConcurrentBuildsAreOneExecution) {
  auto worker = NewWorker("w1");
  const auto submission = Submission("FROM scratch\nRUN one\nRUN two\n");
  const int64_t first = Submit(submission);
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  const int64_t second = Submit(submission);
  const int64_t third = Submit(Submission("FROM scratch\nRUN one\nRUN other\n"));
  ASSERT_TRUE(Eventually([&] { return engine_->reader().Get(third)->status() == v1::BUILD_STATUS_RUNNING; }));
  worker->PlayAll();
  EXPECT_EQ(WaitForEnd(first).status(), v1::BUILD_STATUS_SUCCEEDED);
  const v1::BuildView joined = WaitForEnd(second);
  EXPECT_EQ(joined.status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(WaitForEnd(third).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(worker->steps_run(), 3);
  EXPECT_EQ(joined.stages(0).steps(1).status(), v1::STEP_STATUS_SHARED);
}

TEST_F(EngineTest, CancelOfTheOwnerLeavesTheExecutionToWhoJoined) {
  auto worker = NewWorker("w1");
  const auto submission = Submission("FROM scratch\nRUN one\nRUN two\n");
  const int64_t first = Submit(submission);
  ASSERT_TRUE(worker->NextLease());
  const int64_t second = Submit(submission);
  ASSERT_TRUE(
      Eventually([&] { return engine_->reader().Get(second)->status() == v1::BUILD_STATUS_RUNNING; }));
  ASSERT_OK(engine_->Cancel(first, false));
  EXPECT_EQ(WaitForEnd(first).status(), v1::BUILD_STATUS_CANCELLED);
  worker->PlayAll();
  EXPECT_EQ(WaitForEnd(second).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(worker->steps_run(), 2);
}

TEST_F(EngineTest, CancelWithdrawsTheLease) {
  auto worker = NewWorker("w1");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  ASSERT_OK(engine_->Cancel(build, false));
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_CANCELLED);
  EXPECT_TRUE(Eventually([&] { return !worker->Desired().contains(*lease); }));
}

TEST_F(EngineTest, FailingStepFailsTheBuildWithItsLineAndIsNotRetried) {
  auto worker = NewWorker("w1");
  worker->FailOn("two", 3);
  worker->PlayAll();
  const v1::BuildView view = WaitForEnd(Submit(Submission("FROM scratch\nRUN one\nRUN two\nRUN three\n")));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("Dockerfile:3"));
  EXPECT_THAT(view.message(), HasSubstr("exit code 3"));
  EXPECT_EQ(view.stages(0).steps(1).status(), v1::STEP_STATUS_FAILED);
  EXPECT_EQ(view.stages(0).steps(1).exit_code(), 3);
  EXPECT_EQ(worker->steps_run(), 2);
}

TEST_F(EngineTest, WarningOfAStepIsOneOfTheBuildWithItsLine) {
  auto worker = NewWorker("w1");
  worker->WarnOn("two", "the layer contains the secret 'token' in /etc/npmrc");
  worker->PlayAll();
  const v1::BuildView view = WaitForEnd(Submit(Submission("FROM scratch\nRUN one\nRUN two\n")));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_THAT(view.warnings(),
              testing::Contains("Dockerfile:3: the layer contains the secret 'token' in /etc/npmrc"));
}

TEST_F(EngineTest, SilentWorkersTaskGoesToAnotherAndFinishedStepsAreKept) {
  auto lost = NewWorker("w1");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\n"));
  const auto lease = lost->NextLease();
  ASSERT_TRUE(lease);
  lost->FinishStep(*lease, 0);
  ASSERT_TRUE(Eventually(
      [&] { return engine_->reader().Get(build)->stages(0).steps(0).status() == v1::STEP_STATUS_EXECUTED; }));
  auto other = NewWorker("w2");
  other->PlayAll();
  clock_.Advance(absl::Seconds(31));
  other->Heartbeat();
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(other->steps_run(), 1) << "only the step that had not finished";
  // The old lease is fenced.
  lost->FinishTask(*lease);
  EXPECT_TRUE(Eventually([&] { return lost->Acknowledged().contains(*lease); }));
}

TEST_F(EngineTest, ThreeInfrastructureFailuresFailTheBuildWithTheReason) {
  auto worker = NewWorker("w1");
  worker->BreakOn("one", "no space left on device");
  worker->PlayAll();
  const v1::BuildView view = WaitForEnd(Submit(Submission("FROM scratch\nRUN one\n")));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("no space left on device"));
  EXPECT_EQ(worker->tasks_started(), 3);
}

// The one whose tasks fail at once is the emptiest: it would get all of them.
TEST_F(EngineTest, AfterAnInfrastructureFailureAnotherWorkerTriesIt) {
  auto broken = NewWorker("w1");
  broken->BreakOn("one", "no space left on device");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n"));
  ASSERT_TRUE(Eventually([&] { return broken->tasks_given() > 0; }));
  auto healthy = NewWorker("w2", "host-b");
  healthy->PlayAll();
  broken->PlayAll();
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(broken->tasks_started(), 1);
}

TEST_F(EngineTest, AWorkerThatKeepsFailingRestsAndSaysWhy) {
  auto broken = NewWorker("w1");
  broken->BreakOn("one", "no space left on device");
  broken->PlayAll();
  auto healthy = NewWorker("w2", "host-b");
  healthy->PlayAll();
  const auto unfit = [&](const std::string& name) {
    for (const core::WorkerStatus& worker : engine_->reader().Workers()) {
      if (worker.info.name() == name && worker.unfit) return worker.unfit->reason;
    }
    return std::string();
  };
  for (int i = 0; i < 40 && unfit("w1").empty(); ++i) {
    const v1::BuildView view =
        WaitForEnd(Submit(Submission(fmt::format("FROM scratch\nENV N={}\nRUN one\n", i))));
    EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  }
  EXPECT_THAT(unfit("w1"), HasSubstr("no space left on device"));
  EXPECT_EQ(unfit("w2"), "");
  const int started = broken->tasks_started();
  for (int i = 0; i < 5; ++i)
    WaitForEnd(Submit(Submission(fmt::format("FROM scratch\nENV M={}\nRUN one\n", i))));
  EXPECT_EQ(broken->tasks_started(), started);
}

TEST_F(EngineTest, NoWorkerForThePlatformSaysSoAtOnceAndFailsLater) {
  auto worker = NewWorker("w1");
  auto submission = Submission("FROM scratch\nRUN one\n");
  submission.mutable_options()->mutable_platforms(0)->set_architecture("s390x");
  const int64_t build = Submit(submission);
  ASSERT_TRUE(Eventually([&] {
    auto view = engine_->reader().Get(build);
    return view->warnings_size() > 0 && view->warnings(0).find("linux/s390x") != std::string::npos;
  }));
  clock_.Advance(absl::Seconds(21));
  worker->Heartbeat();
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
}

TEST_F(EngineTest, RestartedCoordinatorGoesOnWithoutRepeatingFinishedSteps) {
  auto worker = NewWorker("w1");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  worker->FinishStep(*lease, 0);
  ASSERT_TRUE(Eventually(
      [&] { return engine_->reader().Get(build)->stages(0).steps(0).status() == v1::STEP_STATUS_EXECUTED; }));
  const int64_t events = engine_->reader().Get(build)->last_event();
  StopCoordinator();
  StartCoordinator();
  // The worker still has the lease and finishes under it.
  worker->Reconnect(*engine_, {*lease});
  worker->FinishStep(*lease, 1);
  worker->FinishTask(*lease);
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_GT(view.last_event(), events);
  EXPECT_EQ(worker->steps_run(), 2);
  // Every event once, in order, over the restart.
  auto watcher = engine_->Watch(build, 1, false);
  ASSERT_OK(watcher);
  bool ended = false;
  int64_t expected = 1;
  while (auto item = (*watcher)->Next(std::chrono::seconds(5), &ended)) {
    EXPECT_EQ(item->event->number(), expected++);
  }
  EXPECT_EQ(expected - 1, view.last_event());
}

TEST_F(EngineTest, VerifyComparesTwoHostsAndAgreementIsCached) {
  auto one = NewWorker("w1", "host-a");
  auto two = NewWorker("w2", "host-b");
  one->PlayAll();
  two->PlayAll();
  const auto submission = Submission("FROM scratch\nRUN one\nRUN two\n", 2);
  const v1::BuildView view = WaitForEnd(Submit(submission));
  ASSERT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_REPRODUCIBLE)
      << view.cells(0).comparison().reason();
  EXPECT_FALSE(view.cells(0).comparison().same_host());
  EXPECT_EQ(one->steps_run() + two->steps_run(), 4);
  EXPECT_EQ(one->steps_run(), 2);
  const v1::BuildView again = WaitForEnd(Submit(submission));
  EXPECT_EQ(again.cells(0).comparison().verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(one->steps_run() + two->steps_run(), 4) << "agreement is cached";
}

TEST_F(EngineTest, VerifyOnOneHostIsInconclusiveUnlessAllowed) {
  auto one = NewWorker("w1", "host-a");
  auto two = NewWorker("w2", "host-a");
  one->PlayAll();
  two->PlayAll();
  auto submission = Submission("FROM scratch\nRUN one\n", 2);
  const int64_t build = Submit(submission);
  ASSERT_TRUE(Eventually([&] { return engine_->reader().Get(build)->warnings_size() > 0; }));
  clock_.Advance(absl::Seconds(21));
  one->Heartbeat();
  two->Heartbeat();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(view.cells(0).comparison().verdict(), v1::VERDICT_INCONCLUSIVE);
  submission.mutable_options()->set_allow_same_host(true);
  const v1::BuildView allowed = WaitForEnd(Submit(submission));
  EXPECT_EQ(allowed.cells(0).comparison().verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_TRUE(allowed.cells(0).comparison().same_host());
}

TEST_F(EngineTest, DivergentStepIsNamedAndTheNextIsJudgedAlone) {
  auto one = NewWorker("w1", "host-a");
  auto two = NewWorker("w2", "host-b");
  one->DifferOn("two");
  two->DifferOn("two");
  one->PlayAll();
  two->PlayAll();
  const auto submission = Submission("FROM scratch\nRUN one\nRUN two\nRUN three\n", 2);
  const v1::BuildView view = WaitForEnd(Submit(submission));
  const v1::CellComparison& comparison = view.cells(0).comparison();
  EXPECT_EQ(comparison.verdict(), v1::VERDICT_UNREPRODUCIBLE);
  ASSERT_EQ(comparison.steps_size(), 3);
  EXPECT_TRUE(comparison.steps(0).agrees());
  EXPECT_FALSE(comparison.steps(1).agrees());
  EXPECT_EQ(comparison.steps(1).range().first_line(), 3u);
  ASSERT_EQ(comparison.steps(1).differences_size(), 1);
  EXPECT_EQ(comparison.steps(1).differences(0).path(), "two");
  EXPECT_TRUE(comparison.steps(2).agrees());
  ASSERT_EQ(comparison.image_digests_size(), 2);
  EXPECT_NE(comparison.image_digests(0), comparison.image_digests(1));
}

TEST_F(EngineTest, IdempotencyKeyReturnsTheSameBuild) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  const auto submission = Submission("FROM scratch\nRUN one\n");
  const int64_t first = Submit(submission, "key");
  EXPECT_EQ(Submit(submission, "key"), first);
  EXPECT_TRUE(absl::IsAlreadyExists(engine_->Submit(Submission("FROM scratch\nRUN two\n"), "key").status()));
  // Tried again in another span of the pipeline's trace.
  auto traced = submission;
  traced.set_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  EXPECT_EQ(Submit(traced, "key"), first);
  traced.set_traceparent(std::string(300, '0'));
  EXPECT_TRUE(absl::IsInvalidArgument(engine_->Submit(traced, "other").status()));
}

TEST_F(EngineTest, RecipeErrorsAreRefusedAtOnce) {
  const auto submitted = engine_->Submit(Submission("FROM scratch\nRNU one\n"), "");
  ASSERT_FALSE(submitted.ok());
  EXPECT_THAT(std::string(Sv(submitted.status().message())), HasSubstr("Dockerfile:2:"));
}

TEST_F(EngineTest, MissingSourceNamesLineAndIgnoreRule) {
  auto submission = Submission("FROM scratch\nCOPY app.py /\n");
  submission.mutable_recipe()->set_ignore_file("# ours\n*.py\n");
  submission.mutable_recipe()->set_ignore_file_name(".dockerignore");
  const v1::BuildView view = WaitForEnd(Submit(submission));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("Dockerfile:2"));
  EXPECT_THAT(view.message(), HasSubstr("app.py"));
  EXPECT_THAT(view.message(), HasSubstr(".dockerignore:2"));
}

// Offsets and texts of the console that a watcher is given, until it ends or `count` came.
std::vector<std::string> Console(Watcher& watcher, size_t count) {
  std::vector<std::string> lines;
  bool ended = false;
  while (lines.size() < count) {
    auto item = watcher.Next(std::chrono::seconds(5), &ended);
    if (!item) break;
    if (!item->event) lines.push_back(fmt::format("{} {}", item->offset, item->chunk.data()));
  }
  return lines;
}

TEST_F(EngineTest, WatcherThatComesInTheMiddleMissesNoConsole) {
  auto worker = NewWorker("w1");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  worker->StartStep(*lease, 0);
  worker->Say(*lease, 0, "a");
  ASSERT_TRUE(Eventually(
      [&] { return engine_->reader().Get(build)->stages(0).steps(0).status() == v1::STEP_STATUS_RUNNING; }));
  // The record is held, so that the watch and the next piece of console come into one batch.
  std::jthread watching;
  absl::StatusOr<std::shared_ptr<Watcher>> watcher = absl::UnknownError("not watched");
  ASSERT_OK(records_->Transact([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    watching = std::jthread([&] { watcher = engine_->Watch(build, 1, true); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    worker->Say(*lease, 0, "b");
    return absl::OkStatus();
  }));
  watching.join();
  ASSERT_OK(watcher);
  worker->Say(*lease, 0, "c");
  EXPECT_THAT(Console(**watcher, 3), ElementsAre("0 a", "1 b", "2 c"));
}

TEST_F(EngineTest, ConsoleOffsetsGoOnAfterARestart) {
  auto worker = NewWorker("w1");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  worker->StartStep(*lease, 0);
  worker->Say(*lease, 0, "a");
  worker->Say(*lease, 0, "b");
  ASSERT_TRUE(Eventually(
      [&] { return engine_->reader().Get(build)->stages(0).steps(0).status() == v1::STEP_STATUS_RUNNING; }));
  StopCoordinator();
  StartCoordinator();
  worker->Reconnect(*engine_, {*lease});
  auto watcher = engine_->Watch(build, 1, true);
  ASSERT_OK(watcher);
  worker->Say(*lease, 0, "c");
  EXPECT_THAT(Console(**watcher, 3), ElementsAre("0 a", "1 b", "2 c"));
}

TEST_F(EngineTest, StageThatIsNotToBeCachedRunsAnewAndOthersDoNot) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  auto submission =
      Submission("FROM scratch AS a\nRUN one\nFROM scratch AS b\nRUN two\nFROM a\nCOPY --from=b /two /t\n");
  ASSERT_EQ(WaitForEnd(Submit(submission)).status(), v1::BUILD_STATUS_SUCCEEDED);
  const int before = worker->steps_run();
  clock_.Advance(absl::Seconds(1));
  submission.mutable_options()->add_no_cache_stages("B");
  const v1::BuildView view = WaitForEnd(Submit(submission));
  ASSERT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(worker->steps_run(), before + 1);
  EXPECT_EQ(view.stages(0).steps(0).status(), v1::STEP_STATUS_CACHED);
  EXPECT_EQ(view.stages(1).steps(0).status(), v1::STEP_STATUS_EXECUTED);
  submission.mutable_options()->set_no_cache_stages(0, "c");
  EXPECT_THAT(engine_->Submit(submission, "").status().message(),
              HasSubstr("stage 'c' (--no-cache-filter) not found"));
}

TEST_F(EngineTest, ExportFeedsTheStageThatMounts) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  const v1::BuildView view = WaitForEnd(Submit(Submission(
      "FROM scratch AS a\nRUN one\nFROM scratch\nRUN --mount=from=a,source=/one,target=/two three\n")));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(worker->exports_made(), 1);
}

TEST_F(EngineTest, ExportFeedsTheStageThatCopies) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  const v1::BuildView view =
      WaitForEnd(Submit(Submission("FROM scratch AS a\nRUN one\nFROM scratch\nCOPY --from=a /one /two\n")));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(worker->exports_made(), 1);
}

}  // namespace
}  // namespace crossmill::coordinator
