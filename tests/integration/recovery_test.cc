// What happens when workers and the coordinator come and go in the middle of a step.
#include <gmock/gmock.h>

#include <algorithm>

#include "common/base/status.h"
#include "tests/integration/test_farm.h"

namespace crossmill {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RecoveryTest : public FarmTest {
 protected:
  static v1::LeaseReport Started(uint64_t lease, uint32_t number) {
    v1::LeaseReport report;
    report.set_lease(lease);
    report.mutable_step_started()->set_number(number);
    return report;
  }
  // A step that wrote one file of this name and content.
  v1::StepResult Result(uint32_t number, const std::string& name, const std::string& content) {
    v1::StepResult result;
    result.set_number(number);
    *result.mutable_layer() = WriteLayer({{name, content}}, *blobs_).value();
    return result;
  }
  v1::LeaseReport Finished(uint64_t lease, const v1::StepResult& result) {
    v1::LeaseReport report;
    report.set_lease(lease);
    *report.mutable_step_finished() = result;
    return report;
  }
  static void ExpectEveryEventOnce(const WatchedBuild& watched) {
    int64_t number = 0;
    for (const v1::BuildEvent& event : watched.events) EXPECT_EQ(event.number(), ++number);
  }
  long Begun(const std::string& line) {
    const std::vector<std::string> begun = script_.Begun();
    return std::count(begun.begin(), begun.end(), line);
  }
};

TEST_F(RecoveryTest, WorkerShutDownInTheMiddleOfAStepIsReplaced) {
  auto first = NewWorker("w1");
  const int64_t build = Submit("FROM scratch\nRUN write one\nRUN hold two\nRUN write three\n");
  ASSERT_TRUE(script_.HasBegun("w1: hold two"));
  const auto second = NewWorker("w2");
  first.reset();
  ASSERT_TRUE(script_.HasBegun("w2: hold two"));
  script_.Open("two");
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_THAT(script_.Begun(),
              ElementsAre("w1: write one", "w1: hold two", "w2: hold two", "w2: write three"));
  EXPECT_EQ(view.stages(0).steps(0).worker(), "w1");
  EXPECT_EQ(view.stages(0).steps(1).worker(), "w2");
  EXPECT_THAT(view.warnings(), Contains(HasSubstr("shut down"))) << "people are told";
}

TEST_F(RecoveryTest, WorkerThatVanishesIsReplacedAfterItsTimeAndItsFinishedStepIsKept) {
  RawWorker lost(TcpChannel("worker"), "lost");
  lost.SendState({});
  const int64_t build = Submit("FROM scratch\nRUN write one\nRUN write two\n");
  const auto lease = lost.NextTask();
  ASSERT_TRUE(lease);
  lost.Send(Started(lease->lease(), 2));
  lost.Send(Finished(lease->lease(), Result(2, "one", "one")));
  lost.Send(Started(lease->lease(), 3));
  ASSERT_TRUE(StepBecomes(build, 0, 1, v1::STEP_STATUS_RUNNING));
  lost.Vanish();
  const auto other = NewWorker("w2");
  const WatchedBuild watched = Watch(build, 1, false);
  ExpectEveryEventOnce(watched);
  const v1::BuildView view = Get(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_THAT(script_.Begun(), ElementsAre("w2: write two"));
  EXPECT_EQ(view.stages(0).steps(0).worker(), "lost");
  EXPECT_EQ(view.stages(0).steps(0).status(), v1::STEP_STATUS_EXECUTED);
}

TEST_F(RecoveryTest, ResultUnderAnOldLeaseIsRefused) {
  RawWorker silent(TcpChannel("worker"), "silent");
  silent.SendState({});
  const int64_t build = Submit("FROM scratch\nRUN hold one\n");
  const auto lease = silent.NextTask();
  ASSERT_TRUE(lease);
  silent.Send(Started(lease->lease(), 2));
  // Its time runs out, and another worker has the task.
  const auto other = NewWorker("w2");
  ASSERT_TRUE(script_.HasBegun("w2: hold one"));
  ASSERT_TRUE(StepBecomes(build, 0, 0, v1::STEP_STATUS_RUNNING));
  // Now it comes with a result of its own.
  const v1::StepResult late = Result(2, "one", "too late");
  silent.Send(Finished(lease->lease(), late));
  v1::LeaseReport end;
  end.set_lease(lease->lease());
  end.mutable_task_finished()->set_outcome(v1::TASK_OUTCOME_SUCCEEDED);
  *end.mutable_task_finished()->add_steps() = late;
  silent.Send(end);
  EXPECT_TRUE(silent.Acknowledged(lease->lease())) << "so that it forgets it";
  EXPECT_EQ(Get(build).stages(0).steps(0).status(), v1::STEP_STATUS_RUNNING);
  // Nor does another worker's number help.
  RawWorker thief(TcpChannel("worker"), "thief");
  thief.SendState({});
  end.set_lease(lease->lease() + 1);
  thief.Send(end);
  EXPECT_TRUE(thief.Acknowledged(lease->lease() + 1));
  EXPECT_EQ(Get(build).status(), v1::BUILD_STATUS_RUNNING);
  script_.Open("one");
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(view.stages(0).steps(0).worker(), "w2");
  EXPECT_NE(FromProto(view.stages(0).steps(0).layer().tar()), FromProto(late.layer().tar()));
}

TEST_F(RecoveryTest, LayerThatWasNeverSentIsNotBelieved) {
  RawWorker liar(TcpChannel("worker"), "liar");
  liar.SendState({});
  const int64_t build = Submit("FROM scratch\nRUN write one\n");
  const auto lease = liar.NextTask();
  ASSERT_TRUE(lease);
  v1::StepResult result;
  result.set_number(2);
  ToProto(DigestOf("no such layer"), result.mutable_layer()->mutable_tar());
  ToProto(DigestOf("no such manifest"), result.mutable_layer()->mutable_manifest());
  liar.Send(Finished(lease->lease(), result));
  ASSERT_TRUE(Eventually([&] { return Get(build).warnings_size() > 0; }));
  liar.Vanish();
  const auto other = NewWorker("w2");
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_THAT(view.warnings(), Contains(HasSubstr("not in the blob store")));
}

TEST_F(RecoveryTest, RestartedCoordinatorGoesOnWithTheRunningStep) {
  const auto worker = NewWorker("w1");
  const int64_t build = Submit("FROM scratch\nRUN write one\nRUN hold two\nRUN write three\n");
  ASSERT_TRUE(StepBecomes(build, 0, 1, v1::STEP_STATUS_RUNNING));
  const int64_t execution = Get(build).stages(0).steps(1).execution();
  const int64_t events = Get(build).last_event();
  StopServer();
  StartServer();
  // The step goes on once its console from before the restart has come.
  std::string console;
  const WatchedBuild watched = Watch(build, 1, true, [&](const v1::WatchBuildResponse& item) {
    if (item.log().execution() == execution) console += item.log().chunk().data();
    if (console == "two begins\n") script_.Open("two");
    return false;
  });
  EXPECT_OK(watched.status);
  ExpectEveryEventOnce(watched);
  EXPECT_EQ(console, "two begins\ntwo ends\n");
  int64_t offset = 0;
  for (const v1::WatchedLog& log : watched.logs) {
    if (log.execution() != execution) continue;
    EXPECT_EQ(log.offset(), offset++);
  }
  const v1::BuildView view = Get(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_GT(view.last_event(), events);
  EXPECT_THAT(script_.Begun(), ElementsAre("w1: write one", "w1: hold two", "w1: write three"))
      << "neither the finished step nor the running one ran again";
  EXPECT_EQ(view.stages(0).steps(1).execution(), execution);
}

TEST_F(RecoveryTest, StepThatEndedWhileTheCoordinatorWasAwayIsNotLost) {
  const auto worker = NewWorker("w1");
  const int64_t build = Submit("FROM scratch\nRUN write one\nRUN hold two\nRUN write three\n");
  ASSERT_TRUE(StepBecomes(build, 0, 1, v1::STEP_STATUS_RUNNING));
  StopServer();
  script_.Open("two");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  StartServer();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  for (const char* line : {"w1: write one", "w1: hold two", "w1: write three"})
    EXPECT_EQ(Begun(line), 1) << line;
}

TEST_F(RecoveryTest, WorkerLostDuringTheRestartIsReplaced) {
  auto worker = NewWorker("w1");
  const int64_t build = Submit("FROM scratch\nRUN write one\nRUN hold two\n");
  ASSERT_TRUE(StepBecomes(build, 0, 1, v1::STEP_STATUS_RUNNING));
  StopServer();
  worker.reset();
  StartServer();
  script_.Open("two");
  const auto other = NewWorker("w2");
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(Begun("w1: write one"), 1);
  EXPECT_EQ(Begun("w2: write one"), 0);
  EXPECT_EQ(Begun("w2: hold two"), 1);
}

TEST_F(RecoveryTest, QueuedBuildSurvivesARestartAndWaitsForAWorker) {
  const int64_t build = Submit("FROM scratch\nRUN write one\n");
  StopServer();
  StartServer();
  EXPECT_LT(Get(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  const auto worker = NewWorker("w1");
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(RecoveryTest, FinishedBuildIsTheSameAfterARestart) {
  {
    const auto worker = NewWorker("w1");
    WaitForEnd(Submit("FROM scratch\nRUN write one\n"));
  }
  const v1::BuildView before = Get(1);
  EXPECT_EQ(before.status(), v1::BUILD_STATUS_SUCCEEDED);
  StopServer();
  StartServer();
  EXPECT_EQ(Get(1).DebugString(), before.DebugString());
  EXPECT_EQ(static_cast<int64_t>(Watch(1, 1, false).events.size()), before.last_event());
}

}  // namespace
}  // namespace crossmill
