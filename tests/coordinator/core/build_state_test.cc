// The state of one build: what is ready, what a task holds, and that the view is the sum of the events.
#include "coordinator/core/build_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/words/words.h"
#include "coordinator/core/build_view.h"
#include "tests/coordinator/core/build_state_fixture.h"
#include "tests/coordinator/core/messages.h"

namespace crossmill::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class VerifiedBuildStateTest : public BuildStateTest {
 protected:
  VerifiedBuildStateTest() : BuildStateTest(2) {}
};

TEST_F(BuildStateTest, PlanShowsEveryStageStepAndCell) {
  const v1::BuildView& view = state_.view();
  ASSERT_EQ(view.stages_size(), 3);
  EXPECT_EQ(view.epoch(), 4711);
  EXPECT_EQ(view.stages(0).name(), "builder");
  EXPECT_EQ(Step(0, 0).status(), v1::STEP_STATUS_WAITING);
  EXPECT_EQ(Step(0, 1).status(), v1::STEP_STATUS_METADATA);
  EXPECT_THAT(view.warnings(), ElementsAre("careful"));
  ASSERT_EQ(view.cells_size(), 2);
  EXPECT_THAT(view.cells(0).stages(), ElementsAre(0, 1));
  EXPECT_THAT(view.cells(1).stages(), ElementsAre(0, 2));
  EXPECT_EQ(view.cells(1).target_stage(), 2u);
  EXPECT_THAT(state_.StagesOf(1), ElementsAre(0, 2));
  for (const v1::BuildEvent& event : Take()) EXPECT_EQ(event.time(), 1000);
}

// A registry, a worker's disk and a file's name are quoted in what people are told. Protobuf reads no text
// that is not UTF-8, so that one such event would be a record that nobody can read again.
TEST_F(BuildStateTest, WhateverIsToldCanBeReadAgain) {
  const std::string raw = "said \xff\xfe{";
  state_.Notice(true, raw);
  state_.SetStatus(v1::BUILD_STATUS_RUNNING, raw);
  v1::CellView cell = state_.view().cells(1);
  cell.set_status(v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  cell.set_message(raw);
  state_.CellFinished(cell);
  state_.StageFailed(0, v1::BUILD_STATUS_FAILED, raw);
  state_.Finish(v1::BUILD_STATUS_FAILED, raw, "");
  for (const v1::BuildEvent& event : Take()) {
    v1::BuildEvent again;
    EXPECT_TRUE(again.ParseFromString(event.SerializeAsString())) << event.DebugString();
  }
  v1::BuildView view;
  EXPECT_TRUE(view.ParseFromString(state_.view().SerializeAsString()));
  EXPECT_EQ(view.message(), "said \xef\xbf\xbd\xef\xbf\xbd{");
  EXPECT_EQ(view.warnings(1), view.message());
}

TEST_F(BuildStateTest, StageIsReadyWhenWhatItCopiesFromIsDone) {
  EXPECT_THAT(state_.ReadyStages(), ElementsAre(0));
  state_.stage(0).phase = Phase::kQueued;
  EXPECT_THAT(state_.ReadyStages(), IsEmpty());
  FinishBuilder();
  EXPECT_THAT(state_.ReadyStages(), ElementsAre(1, 2));
}

TEST_F(BuildStateTest, AStageThatIsDoneTwiceCountsOnce) {
  FinishBuilder();
  state_.StageDone(0);
  EXPECT_THAT(state_.ReadyStages(), ElementsAre(1, 2));
  FinishFinal(1);
  EXPECT_THAT(state_.ReadyStages(), ElementsAre(2));
}

TEST_F(BuildStateTest, StageOfACellThatIsOverIsNotWanted) {
  FinishBuilder();
  FinishCell(1);
  EXPECT_FALSE(state_.Wanted(2));
  EXPECT_TRUE(state_.Wanted(0)) << "the other cell needs it";
  EXPECT_THAT(state_.ReadyStages(), ElementsAre(1));
}

TEST_F(BuildStateTest, CopyKnowsItsExportOnceItIsMade) {
  EXPECT_FALSE(state_.ResolveStep(1, 0).copy().sources(0).export_().has_blob());
  FinishBuilder();
  EXPECT_EQ(FromProto(state_.ResolveStep(1, 0).copy().sources(0).export_().blob()), DigestOf("export"));
  EXPECT_TRUE(state_.ResolveStep(1, 1).has_run());
}

TEST_F(BuildStateTest, ChainIsBaseAndLayersOfTheStepsBefore) {
  FinishBuilder();
  EXPECT_THAT(Names(state_.ChainBefore(0, 0), kLayers), ElementsAre("base"));
  EXPECT_THAT(Names(state_.ChainBefore(0, 1), kLayers), ElementsAre("base", "one"));
  EXPECT_THAT(Names(state_.ChainBefore(0, 3), kLayers), ElementsAre("base", "one", "two"));
}

TEST(BuildStateFromStageTest, ChainOfAStageOnAStageIncludesAllOfIt) {
  v1::BuildPlan plan = SamplePlan();
  plan.mutable_stages(1)->set_base_stage(0);
  plan.mutable_stages(2)->set_scratch(true);
  BuildState state(SampleView());
  state.SetPlan(plan);
  state.StepFinished(0, 0, 0, Executed(1, "one"), v1::STEP_STATUS_EXECUTED);
  state.StepFinished(0, 0, 2, Executed(2, "two"), v1::STEP_STATUS_EXECUTED);
  state.StepFinished(1, 0, 0, Executed(3, "copied"), v1::STEP_STATUS_EXECUTED);
  EXPECT_THAT(Names(state.ChainBefore(1, 1), kLayers), ElementsAre("base", "one", "two", "copied"));
  EXPECT_THAT(state.ChainBefore(2, 0), IsEmpty());
}

TEST_F(BuildStateTest, TaskHoldsWhatIsLeftOfTheStage) {
  state_.StepFinished(0, 0, 0, Executed(1, "one"), v1::STEP_STATUS_EXECUTED);
  state_.stage(0).exports[0] = StageExport{DigestOf("export"), {}};
  const v1::Task task = state_.MakeTask(0, 1, state_.plan().stages(0).steps_size() - 1);
  EXPECT_EQ(task.name(), "b12/linux/amd64/builder/r0");
  EXPECT_EQ(task.replica(), 0u);
  EXPECT_THAT(Names({task.parents().begin(), task.parents().end()}, kLayers), ElementsAre("base", "one"));
  ASSERT_EQ(task.steps_size(), 1) << "ENV has nothing to execute";
  EXPECT_EQ(task.steps(0).number(), 4u);
  ASSERT_EQ(task.exports_size(), 1);
  EXPECT_EQ(task.exports(0).pattern(), "/other");
  EXPECT_EQ(task.step_timeout(), 60u);
  EXPECT_EQ(task.source_date_epoch(), 4711);
}

TEST(BuildStateFreshCachesTest, BuildsWithoutCacheHaveCachesOfTheirOwn) {
  const auto fresh = [](const v1::BuildView& view, bool filtered) {
    v1::BuildPlan plan = SamplePlan();
    plan.mutable_stages(0)->set_no_cache(filtered);
    BuildState state(view);
    state.SetPlan(plan);
    return state.MakeTask(0, 0, state.plan().stages(0).steps_size() - 1).fresh_caches();
  };
  v1::BuildView view = SampleView();
  view.set_created_at(4711);
  EXPECT_EQ(fresh(view, false), "");
  EXPECT_EQ(fresh(view, true), "build 12 of 4711");
  view.mutable_options()->set_no_cache(true);
  EXPECT_EQ(fresh(view, false), "build 12 of 4711");
}

TEST(BuildStateKeptTimesTest, StepsSeeNoEpoch) {
  v1::BuildPlan plan = SamplePlan();
  plan.set_keep_times(true);
  BuildState state(SampleView());
  state.SetPlan(plan);
  EXPECT_FALSE(state.MakeTask(0, 0, state.plan().stages(0).steps_size() - 1).has_source_date_epoch());
}

TEST_F(BuildStateTest, StepRunsAndFinishes) {
  Take();
  StepFact running = Executed(1, "one");
  running.layer.Clear();
  state_.StepStarted(0, 0, 0, running);
  EXPECT_EQ(state_.stage(0).phase, Phase::kRunning);
  EXPECT_EQ(Step(0, 0).status(), v1::STEP_STATUS_RUNNING);
  EXPECT_EQ(Step(0, 0).execution(), 1);
  state_.StepFinished(0, 0, 0, Executed(1, "one"), v1::STEP_STATUS_EXECUTED);
  EXPECT_EQ(Step(0, 0).status(), v1::STEP_STATUS_EXECUTED);
  EXPECT_EQ(FromProto(Step(0, 0).layer().tar()), DigestOf("one"));
  EXPECT_EQ(state_.stage(0).next, 1);
  EXPECT_EQ(Take().size(), 2u);
}

TEST_F(BuildStateTest, StepHasTheTimesOfTheExecutionThatCounts) {
  state_.StepStarted(0, 0, 0, Began(Executed(1, "one"), 2000));
  EXPECT_EQ(Step(0, 0).started_at(), 2000);
  EXPECT_EQ(Step(0, 0).finished_at(), 0);
  state_.StepInterrupted(0, 0, 0);
  EXPECT_EQ(Step(0, 0).started_at(), 0) << "what was given up is no time of the step";
  state_.StepStarted(0, 0, 0, Began(Executed(2, "one"), 3000));
  state_.StepFinished(0, 0, 0, Began(Executed(2, "one"), 3000, 3500), v1::STEP_STATUS_EXECUTED);
  EXPECT_EQ(Step(0, 0).started_at(), 3000);
  EXPECT_EQ(Step(0, 0).finished_at(), 3500);
  // Before the build: when it was executed.
  state_.StepFinished(0, 0, 2, Began(Executed(3, "two"), 10, 20), v1::STEP_STATUS_CACHED);
  EXPECT_EQ(Step(0, 2).started_at(), 10);
  EXPECT_EQ(Step(0, 2).finished_at(), 20);
}

TEST_F(BuildStateTest, PlanHasItsTimeAlsoAfterARestart) {
  EXPECT_EQ(state_.view().planned_at(), 1000);
  BuildState restored(state_.view());
  restored.Enter(9000);
  restored.SetPlan(SamplePlan());
  EXPECT_EQ(restored.view().planned_at(), 1000);
}

TEST_F(BuildStateTest, CancelledStepEndsWhenItIsCancelled) {
  state_.StepStarted(0, 0, 0, Began(Executed(1, "one"), 2000));
  state_.Enter(2700);
  state_.StageCancelled(0);
  EXPECT_EQ(Step(0, 0).status(), v1::STEP_STATUS_CANCELLED);
  EXPECT_EQ(Step(0, 0).started_at(), 2000);
  EXPECT_EQ(Step(0, 0).finished_at(), 2700);
}

TEST_F(BuildStateTest, MountedExportIsAnEdgeAndIsFilledIn) {
  v1::BuildPlan plan = SamplePlan();
  v1::RunMount& mount = *plan.mutable_stages(1)->mutable_steps(1)->mutable_run()->add_mounts();
  mount.mutable_source()->mutable_export_()->set_stage(0);
  mount.mutable_source()->mutable_export_()->mutable_export_()->set_pattern("/other");
  plan.mutable_stages(1)->mutable_steps(0)->clear_copy();
  BuildState state(first_view_);
  state.SetPlan(plan);
  EXPECT_THAT(state.stage(1).needs, ElementsAre(0));
  EXPECT_THAT(state.ReadyStages(), ElementsAre(0));
  state.stage(0).exports[1] = StageExport{DigestOf("other export"), {}};
  const v1::Step step = state.ResolveStep(1, 1);
  EXPECT_EQ(FromProto(step.run().mounts(0).source().export_().blob()), DigestOf("other export"));
}

TEST_F(BuildStateTest, RemoteSourceIsAnEventAndPartOfTheView) {
  v1::RemoteSource source;
  source.set_url("https://x.invalid/f");
  state_.RemoteFetched(source);
  ASSERT_EQ(state_.view().remote_sources_size(), 1);
  Take();
  EXPECT_EQ(events_.back().remote_fetched().url(), "https://x.invalid/f");
}

TEST_F(BuildStateTest, InterruptedStepWaitsAgainAndAFinishedOneDoesNot) {
  state_.StepStarted(0, 0, 0, Executed(1, "one"));
  state_.StepInterrupted(0, 0, 0);
  EXPECT_EQ(Step(0, 0).status(), v1::STEP_STATUS_WAITING);
  EXPECT_EQ(Step(0, 0).execution(), 0);
  state_.StepFinished(0, 0, 0, Executed(2, "one"), v1::STEP_STATUS_EXECUTED);
  Take();
  state_.StepInterrupted(0, 0, 0);
  EXPECT_EQ(Step(0, 0).status(), v1::STEP_STATUS_EXECUTED);
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(BuildStateTest, FailedStepSaysWhyAndMovesNothing) {
  state_.StepFinished(0, 0, 0, Failed(1, 3), v1::STEP_STATUS_FAILED);
  EXPECT_EQ(Step(0, 0).status(), v1::STEP_STATUS_FAILED);
  EXPECT_EQ(Step(0, 0).exit_code(), 3);
  EXPECT_EQ(Step(0, 0).failure(), "exit code");
  EXPECT_EQ(state_.stage(0).next, 0);
  EXPECT_FALSE(state_.stage(0).facts[0].has_value());
}

TEST_F(BuildStateTest, FailedStageFailsTheCellsThatNeedIt) {
  FinishBuilder();
  state_.StageFailed(2, v1::BUILD_STATUS_FAILED, "Dockerfile:7: exit code 1");
  EXPECT_EQ(state_.view().cells(0).status(), v1::BUILD_STATUS_RUNNING);
  EXPECT_EQ(state_.view().cells(1).status(), v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(state_.view().cells(1).message(), "Dockerfile:7: exit code 1");
  EXPECT_EQ(state_.view().stages(2).message(), "Dockerfile:7: exit code 1");
  EXPECT_FALSE(state_.AllCellsOver());
}

TEST_F(BuildStateTest, FailedStageOfEveryCellFailsThemAllOnce) {
  state_.StageFailed(0, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED, "no worker");
  EXPECT_TRUE(state_.AllCellsOver());
  Take();
  state_.StageFailed(1, v1::BUILD_STATUS_FAILED, "later");
  EXPECT_EQ(state_.view().cells(0).status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED)
      << "the first reason counts";
}

TEST_F(BuildStateTest, CancelledStageCancelsTheRunningStep) {
  state_.StepFinished(0, 0, 0, Executed(1, "one"), v1::STEP_STATUS_EXECUTED);
  state_.StepStarted(0, 0, 2, Executed(2, "two"));
  state_.StageCancelled(0);
  EXPECT_EQ(state_.stage(0).phase, Phase::kCancelled);
  EXPECT_EQ(Step(0, 0).status(), v1::STEP_STATUS_EXECUTED);
  EXPECT_EQ(Step(0, 1).status(), v1::STEP_STATUS_METADATA);
  EXPECT_EQ(Step(0, 2).status(), v1::STEP_STATUS_CANCELLED);
}

TEST_F(BuildStateTest, StageSizeIsTheWholeRootFileSystem) {
  FinishBuilder();
  EXPECT_EQ(state_.view().stages(0).size_bytes(), 4 + 3 + 3);
  Take();
  state_.StageDone(0);
  EXPECT_THAT(Take(), IsEmpty()) << "told once";
}

TEST_F(BuildStateTest, CellEndsWhenItsStagesAreDone) {
  FinishBuilder();
  EXPECT_THAT(state_.CellsToFinish(), IsEmpty());
  FinishFinal(2);
  EXPECT_THAT(state_.CellsToFinish(), ElementsAre(1));
  state_.MarkFinishing(1);
  EXPECT_THAT(state_.CellsToFinish(), IsEmpty());
  FinishFinal(1);
  EXPECT_THAT(state_.CellsToFinish(), ElementsAre(0));
  FinishCell(0);
  EXPECT_FALSE(state_.AllCellsOver());
  FinishCell(1);
  EXPECT_TRUE(state_.AllCellsOver());
  state_.Enter(2000);
  state_.Finish(v1::BUILD_STATUS_SUCCEEDED, "", "sha256:index");
  EXPECT_EQ(state_.view().finished_at(), 2000);
  EXPECT_EQ(state_.view().index_digest(), "sha256:index");
}

TEST_F(BuildStateTest, ACellIsNotBuiltAnyMoreWhenAStageOfItBeginsAgain) {
  v1::CellView built = state_.view().cells(0);
  built.set_status(v1::BUILD_STATUS_RUNNING);
  built.set_seconds(3);
  state_.CellBuilt(built);
  v1::CellView other = state_.view().cells(1);
  other.set_status(v1::BUILD_STATUS_RUNNING);
  other.set_seconds(4);
  state_.CellBuilt(other);
  EXPECT_TRUE(IsBuilt(state_.view().cells(0)));
  state_.StepStarted(1, 0, 0, Executed(7, "copied"));
  EXPECT_FALSE(IsBuilt(state_.view().cells(0)));
  EXPECT_TRUE(IsBuilt(state_.view().cells(1))) << "stage 1 is not of that cell";
  state_.StepStarted(0, 0, 0, Executed(8, "one"));
  EXPECT_FALSE(IsBuilt(state_.view().cells(1)));
}

TEST_F(BuildStateTest, StatusIsToldWhenItChanges) {
  Take();
  state_.SetStatus(v1::BUILD_STATUS_PLANNING, "");
  EXPECT_THAT(Take(), IsEmpty());
  state_.SetStatus(v1::BUILD_STATUS_RUNNING, "");
  EXPECT_EQ(Take().size(), 1u);
}

TEST_F(BuildStateTest, NoticesAndBasesAreTold) {
  Take();
  state_.Notice(false, "by the way");
  state_.Notice(true, "a lease expired");
  v1::PinnedImage base;
  base.set_reference("python:3.11");
  base.set_manifest_digest("sha256:m");
  base.set_stand_in(true);
  state_.BasePinned(base);
  EXPECT_THAT(state_.view().warnings(), ElementsAre("careful", "a lease expired"));
  const auto events = Take();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[2].base_pinned().manifest_digest(), "sha256:m");
  EXPECT_TRUE(events[2].base_pinned().stand_in());
}

TEST_F(VerifiedBuildStateTest, CellWaitsForItsReplicas) {
  FinishBuilder();
  FinishFinal(1);
  EXPECT_THAT(state_.CellsToFinish(), IsEmpty());
  state_.replica(0, 1).phase = Phase::kDone;
  EXPECT_THAT(state_.CellsToFinish(), IsEmpty());
  state_.replica(1, 1).phase = Phase::kFailed;
  EXPECT_THAT(state_.CellsToFinish(), ElementsAre(0)) << "a replica that could not run is over too";
}

TEST_F(VerifiedBuildStateTest, ReplicaRepeatsStepsOnTheFirstOnesLayers) {
  FinishBuilder();
  state_.replica(0, 1).first = 2;
  state_.replica(0, 1).last = 2;
  const v1::Task task = state_.MakeReplicaTask(0, 1);
  EXPECT_EQ(task.name(), "b12/linux/amd64/builder/r1");
  EXPECT_EQ(task.replica(), 1u);
  EXPECT_THAT(Names({task.parents().begin(), task.parents().end()}, kLayers), ElementsAre("base", "one"));
  ASSERT_EQ(task.steps_size(), 1);
  EXPECT_EQ(FromProto(task.steps(0).expected().tar()), DigestOf("two"));
  EXPECT_EQ(task.exports_size(), 0);
}

TEST_F(VerifiedBuildStateTest, ReplicaHasItsOwnRowAndMovesNothing) {
  FinishBuilder();
  StepFact other = Executed(9, "mine");
  other.worker = "w2";
  other.started_at = 5000;
  state_.StepStarted(0, 1, 0, other);
  EXPECT_EQ(Step(0, 0).replicas(0).started_at(), 5000);
  EXPECT_EQ(Step(0, 0).started_at(), 0) << "the replica's times are its own";
  EXPECT_EQ(state_.replica(0, 1).phase, Phase::kRunning);
  ASSERT_EQ(Step(0, 0).replicas_size(), 1);
  EXPECT_EQ(Step(0, 0).replicas(0).status(), v1::STEP_STATUS_RUNNING);
  state_.StepInterrupted(0, 1, 0);
  EXPECT_EQ(Step(0, 0).replicas(0).status(), v1::STEP_STATUS_WAITING);
  EXPECT_EQ(Step(0, 0).replicas(0).started_at(), 0);
  state_.StepFinished(0, 1, 0, Began(other, 6000, 7000), v1::STEP_STATUS_EXECUTED);
  EXPECT_EQ(Step(0, 0).replicas(0).started_at(), 6000);
  EXPECT_EQ(Step(0, 0).replicas(0).finished_at(), 7000);
  ASSERT_EQ(Step(0, 0).replicas_size(), 1);
  EXPECT_EQ(Step(0, 0).replicas(0).worker(), "w2");
  EXPECT_EQ(FromProto(Step(0, 0).replicas(0).layer().tar()), DigestOf("mine"));
  EXPECT_EQ(Step(0, 0).worker(), "w1");
  EXPECT_EQ(FromProto(state_.stage(0).facts[0]->layer.tar()), DigestOf("one"));
  state_.StepFinished(0, 1, 2, Failed(10, 1), v1::STEP_STATUS_FAILED);
  EXPECT_EQ(Step(0, 2).status(), v1::STEP_STATUS_CACHED);
  EXPECT_EQ(Step(0, 2).replicas(0).status(), v1::STEP_STATUS_FAILED);
  EXPECT_FALSE(Step(0, 2).replicas(0).has_layer());
}

// A coordinator that was restarted sums the events up and walks over what was done.
TEST_F(BuildStateTest, RestoredBuildRepeatsNoEvent) {
  state_.StepFinished(0, 0, 0, Executed(1, "one"), v1::STEP_STATUS_EXECUTED);
  state_.StepStarted(0, 0, 2, Executed(2, "two"));
  BuildState restored(state_.view());
  restored.SetPlan(SamplePlan());
  restored.StepFinished(0, 0, 0, Executed(1, "one"), v1::STEP_STATUS_CACHED);
  EXPECT_THAT(restored.TakeEvents(), IsEmpty());
  EXPECT_EQ(restored.view().stages(0).steps(0).status(), v1::STEP_STATUS_EXECUTED)
      << "it was, for this build";
  EXPECT_EQ(restored.stage(0).next, 1);
  EXPECT_THAT(Names(restored.ChainBefore(0, 2), kLayers), ElementsAre("base", "one"));
  restored.StepFinished(0, 0, 2, Executed(2, "two"), v1::STEP_STATUS_EXECUTED);
  const auto events = restored.TakeEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].number(), state_.view().last_event() + 1) << "numbers go on";
}

TEST(WheelsBuildTest, CellsOfOnePlatformEndEachByItself) {
  v1::BuildView view;
  view.set_id(1);
  BuildState state(view);
  state.Enter(1000);
  v1::BuildPlan plan;
  plan.add_bases();
  for (int i = 0; i < 3; ++i) {
    v1::StagePlan& stage = *plan.add_stages();
    stage.mutable_platform()->set_os("linux");
    stage.mutable_platform()->set_architecture("amd64");
    stage.set_base_image(0);
    v1::Step& step = *stage.add_steps();
    step.set_number(2);
    step.mutable_run();
    v1::CellPlan& cell = *plan.add_cells();
    *cell.mutable_platform() = stage.platform();
    cell.set_target_stage(i);
  }
  state.SetPlan(plan);
  state.StageFailed(1, v1::BUILD_STATUS_FAILED, "it does not compile");
  EXPECT_FALSE(state.AllCellsOver());
  EXPECT_TRUE(state.Wanted(0));
  EXPECT_TRUE(state.Wanted(2));
  EXPECT_EQ(state.view().cells(0).status(), v1::BUILD_STATUS_RUNNING);
  EXPECT_EQ(state.view().cells(1).status(), v1::BUILD_STATUS_FAILED);
  v1::CellView done = state.view().cells(0);
  done.set_status(v1::BUILD_STATUS_SUCCEEDED);
  state.CellFinished(done);
  EXPECT_EQ(state.view().cells(2).status(), v1::BUILD_STATUS_RUNNING);
  v1::BuildView sum = view;
  for (const v1::BuildEvent& event : state.TakeEvents()) ApplyEvent(event, &sum);
  ASSERT_EQ(sum.cells_size(), 3);
  EXPECT_EQ(sum.cells(1).status(), v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(sum.cells(2).status(), v1::BUILD_STATUS_RUNNING);
}

}  // namespace
}  // namespace crossmill::core
