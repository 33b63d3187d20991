// Who owns, waits for and holds a task, and what becomes of them when it ends otherwise than well.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/attest/dsse.h"
#include "common/attest/execution_statement.h"
#include "common/keys/ed25519.h"
#include "coordinator/storage/statement_records.h"
#include "tests/common/attest/example_facts.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EngineAttemptsTest : public EngineTest {
 protected:
  v1::BuildSubmission On(const std::string& architecture, const std::string& dockerfile) {
    v1::BuildSubmission submission = Submission(dockerfile);
    submission.mutable_options()->mutable_platforms(0)->set_architecture(architecture);
    return submission;
  }
  bool IsRunning(int64_t build) {
    return Eventually([&] { return engine_->reader().Get(build)->status() == v1::BUILD_STATUS_RUNNING; });
  }
  bool WarnsOf(int64_t build, const std::string& text) {
    return Eventually([&] {
      const auto view = engine_->reader().Get(build);
      for (const std::string& warning : view->warnings()) {
        if (warning.find(text) != std::string::npos) return true;
      }
      return false;
    });
  }
};

TEST_F(EngineAttemptsTest, AStatementThatIsNotRightIsDroppedAndTheResultStands) {
  auto worker = NewWorker("w1");
  worker->StateOn("one", "{\"payload\":\"forged\"}");
  worker->PlayAll();
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\n"));
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED);
  ASSERT_EQ(view.warnings_size(), 1);
  EXPECT_THAT(view.warnings(0), HasSubstr("Dockerfile:2: what w1 signed about this step is not kept: "));
  storage::StatementRecords statements(records_->connection());
  EXPECT_FALSE(statements.Find(view.stages(0).steps(0).execution())->has_value());
  // Agreed about as much as any other: the same step is a hit.
  EXPECT_EQ(WaitForEnd(Submit(Submission("FROM scratch\nRUN one\nRUN two\n"))).stages(0).steps(0).status(),
            v1::STEP_STATUS_CACHED);
}

TEST_F(EngineAttemptsTest, TaskEndsWhenTheLastWhoWaitedForItGoes) {
  auto worker = NewWorker("w1");
  const auto submission = Submission("FROM scratch\nRUN one\n");
  const int64_t first = Submit(submission);
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  const int64_t second = Submit(submission);
  ASSERT_TRUE(IsRunning(second));
  ASSERT_OK(engine_->Cancel(first, false));
  WaitForEnd(first);
  EXPECT_TRUE(worker->Desired().contains(*lease)) << "the second build waits for it";
  ASSERT_OK(engine_->Cancel(second, false));
  WaitForEnd(second);
  EXPECT_TRUE(Eventually([&] { return !worker->Desired().contains(*lease); })) << "it runs on for nobody";
}

// Whatever the reason: its layer would be a hit for whoever asks for the step on the layers of this build.
TEST_F(EngineAttemptsTest, AResultOnOtherLayersIsNotTaken) {
  attest::ExampleExecution elsewhere;
  auto worker = NewWorker("w1");
  worker->StateOn(
      "two", *attest::SealStatement(attest::WriteStatement(attest::ExecutionStatement(elsewhere.facts())),
                                    *keys::SigningKey::Generate()));
  worker->PlayAll();
  const v1::BuildView view = WaitForEnd(Submit(Submission("FROM scratch\nRUN one\nRUN two\n")));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("worker w1 executed the step on other layers"));
  EXPECT_EQ(view.stages(0).steps(0).status(), v1::STEP_STATUS_EXECUTED);
  EXPECT_NE(view.stages(0).steps(1).status(), v1::STEP_STATUS_EXECUTED);
}

TEST_F(EngineAttemptsTest, WhoWaitedForATaskThatIsLostWaitsForItsNextExecution) {
  auto lost = NewWorker("w1");
  const int64_t first = Submit(Submission("FROM scratch\nRUN one\n"));
  ASSERT_TRUE(lost->NextLease());
  const int64_t second = Submit(Submission("FROM scratch\nRUN one\n"));
  ASSERT_TRUE(IsRunning(second));
  auto other = NewWorker("w2");
  // Started again, it knows of no lease.
  lost->Connect({});
  other->PlayAll();
  EXPECT_EQ(WaitForEnd(first).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(WaitForEnd(second).stages(0).steps(0).status(), v1::STEP_STATUS_SHARED);
  EXPECT_EQ(other->steps_run(), 1) << "w1 is kept from it, which the second need not agree about";
}

TEST_F(EngineAttemptsTest, WhoJoinedATaskThatNobodyCanRunFailsWithIt) {
  const int64_t first = Submit(On("s390x", "FROM scratch\nRUN one\n"));
  ASSERT_TRUE(WarnsOf(first, "s390x"));
  const int64_t second = Submit(On("s390x", "FROM scratch\nRUN one\n"));
  ASSERT_TRUE(WarnsOf(second, "s390x")) << "it is told what it waits for";
  clock_.Advance(absl::Seconds(21));
  EXPECT_EQ(WaitForEnd(first).status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_EQ(WaitForEnd(second).status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
}

TEST_F(EngineAttemptsTest, TaskThatNobodyCanRunEndsAlsoWithoutItsOwner) {
  const int64_t first = Submit(On("s390x", "FROM scratch\nRUN one\n"));
  ASSERT_TRUE(WarnsOf(first, "s390x"));
  const int64_t second = Submit(On("s390x", "FROM scratch\nRUN one\n"));
  ASSERT_TRUE(WarnsOf(second, "s390x"));
  ASSERT_OK(engine_->Cancel(first, false));
  WaitForEnd(first);
  clock_.Advance(absl::Seconds(21));
  EXPECT_EQ(WaitForEnd(second).status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
}

TEST_F(EngineAttemptsTest, BuildThatAllowsEmulationDoesNotWaitWithOneThatForbidsIt) {
  auto strict = On("s390x", "FROM scratch\nRUN one\n");
  strict.mutable_options()->set_forbid_emulation(true);
  const int64_t first = Submit(strict);
  ASSERT_TRUE(WarnsOf(first, "s390x"));
  const int64_t second = Submit(On("s390x", "FROM scratch\nRUN one\n"));
  ASSERT_TRUE(IsRunning(second));
  auto worker = std::make_unique<PlayedWorker>(*engine_, *blobs_, "w1", "host-a");
  worker->Emulate("s390x");
  worker->Connect({});
  worker->PlayAll();
  EXPECT_EQ(WaitForEnd(second).status(), v1::BUILD_STATUS_SUCCEEDED);
  clock_.Advance(absl::Seconds(21));
  worker->Heartbeat();
  EXPECT_EQ(WaitForEnd(first).status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
}

TEST_F(EngineAttemptsTest, WhoJoinedATaskThatEndsWithoutItsResultsGoesOn) {
  auto worker = NewWorker("w1");
  const auto submission = Submission("FROM scratch\nRUN one\n");
  const int64_t first = Submit(submission);
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  const int64_t second = Submit(submission);
  ASSERT_TRUE(IsRunning(second));
  worker->FinishTask(*lease);
  const v1::BuildView view = WaitForEnd(first);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_THAT(view.message(), HasSubstr("without all results"));
  worker->PlayAll();
  EXPECT_EQ(WaitForEnd(second).status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(EngineAttemptsTest, FailureOfAJoinedStepIsThatOfEveryBuild) {
  auto worker = NewWorker("w1");
  worker->FailOn("one", 3);
  const auto submission = Submission("FROM scratch\nRUN one\n");
  const int64_t first = Submit(submission);
  ASSERT_TRUE(IsRunning(first));
  const int64_t second = Submit(Submission("FROM scratch\n\nRUN one\n"));
  ASSERT_TRUE(IsRunning(second));
  worker->PlayAll();
  EXPECT_THAT(WaitForEnd(first).message(), HasSubstr("Dockerfile:2"));
  EXPECT_THAT(WaitForEnd(second).message(), HasSubstr("Dockerfile:3")) << "its own line";
  EXPECT_EQ(worker->steps_run(), 1);
  EXPECT_TRUE(Eventually([&] { return worker->Desired().empty(); }));
  StopCoordinator();
  EXPECT_THAT(LeaseOutcomes(), ElementsAre("failed"));
}

TEST_F(EngineAttemptsTest, ShortSilenceOfTheOnlyWorkerFailsNothing) {
  auto worker = NewWorker("w1");
  const int64_t busy = Submit(Submission("FROM scratch\nRUN one\n"));
  const int64_t busy2 = Submit(Submission("FROM scratch\nRUN two\n"));
  const int64_t queued = Submit(Submission("FROM scratch\nRUN three\n"));
  ASSERT_TRUE(worker->NextLease());
  ASSERT_TRUE(worker->NextLease());
  ASSERT_TRUE(IsRunning(queued));
  // It waits behind the others for longer than the grace, then the stream breaks for a second.
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Seconds(10));
    worker->Heartbeat();
  }
  worker->Disconnect();
  clock_.Advance(absl::Seconds(1));
  ASSERT_OK(engine_->reader().Get(queued));  // the batch after the disconnect
  EXPECT_EQ(engine_->reader().Get(queued)->status(), v1::BUILD_STATUS_RUNNING);
  EXPECT_EQ(engine_->reader().Get(queued)->warnings_size(), 0);
  worker->Connect({1, 2});
  worker->PlayAll();
  EXPECT_EQ(WaitForEnd(queued).status(), v1::BUILD_STATUS_SUCCEEDED);
  ASSERT_OK(engine_->Cancel(busy, false));
  ASSERT_OK(engine_->Cancel(busy2, false));
}

TEST_F(EngineAttemptsTest, RestartedCoordinatorWaitsForTheWorkersItHad) {
  auto worker = NewWorker("w1");
  const int64_t busy = Submit(Submission("FROM scratch\nRUN one\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  StopCoordinator();
  clock_.Advance(absl::Seconds(60));
  StartCoordinator();
  const int64_t fresh = Submit(Submission("FROM scratch\nRUN two\n"));
  ASSERT_TRUE(IsRunning(fresh));
  clock_.Advance(absl::Seconds(21));
  ASSERT_OK(engine_->reader().Get(fresh));
  EXPECT_EQ(engine_->reader().Get(fresh)->warnings_size(), 0) << "the worker is about to come back";
  worker->Reconnect(*engine_, {*lease});
  worker->FinishStep(*lease, 0);
  worker->FinishTask(*lease);
  worker->PlayAll();
  EXPECT_EQ(WaitForEnd(busy).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(WaitForEnd(fresh).status(), v1::BUILD_STATUS_SUCCEEDED);
  // Away for good: it is forgotten, and not waited for by the next coordinator.
  worker.reset();
  clock_.Advance(absl::Seconds(31));
  EXPECT_TRUE(Eventually([&] { return records_->Workers()->empty(); }));
}

}  // namespace
}  // namespace crossmill::coordinator
