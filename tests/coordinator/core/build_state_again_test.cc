// Stages of which something was lost: they are walked again, and so is all that goes on from them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/core/build_state_fixture.h"

namespace crossmill::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(BuildStateTest, AStageThatIsWalkedAgainIsWaitedFor) {
  FinishBuilder();
  FinishFinal(2);
  Take();
  for (const int stage : {1, 2, 0}) state_.WalkAgain(stage);
  EXPECT_THAT(state_.ReadyStages(), ElementsAre(0));
  for (const auto& fact : state_.stage(0).facts) EXPECT_FALSE(fact.has_value());
  for (const auto& made : state_.stage(0).exports) EXPECT_FALSE(made.has_value());
  EXPECT_THAT(state_.CellsToFinish(), IsEmpty());
  // Still there.
  state_.StepFinished(0, 0, 0, Executed(1, "one"), v1::STEP_STATUS_CACHED);
  EXPECT_THAT(Take(), IsEmpty()) << "what was told is not told again";
  // Made again.
  state_.StepStarted(0, 0, 2, Executed(3, "two"));
  state_.StepFinished(0, 0, 2, Executed(3, "mine"), v1::STEP_STATUS_EXECUTED);
  EXPECT_THAT(state_.ReadyStages(), IsEmpty());
  state_.StageDone(0);
  EXPECT_THAT(state_.ReadyStages(), ElementsAre(1, 2));
  EXPECT_THAT(Names(state_.ChainBefore(0, 3), kLayers), ElementsAre("base", "one", "mine"));
  FinishFinal(1);
  FinishFinal(2);
  EXPECT_THAT(state_.CellsToFinish(), ElementsAre(0, 1));
}

TEST_F(BuildStateTest, AStageIsNotWalkedAgainForAnImageThatIsBeingMade) {
  FinishBuilder();
  FinishFinal(1);
  FinishFinal(2);
  state_.MarkFinishing(0);
  for (const int stage : {0, 1, 2}) state_.WalkAgain(stage);
  EXPECT_THAT(state_.ReadyStages(), ElementsAre(0)) << "the other image needs it";
  EXPECT_EQ(state_.stage(1).phase, Phase::kDone);
  state_.MarkFinishing(1);
  state_.StageDone(0);
  FinishFinal(2);
  state_.WalkAgain(0);
  EXPECT_EQ(state_.stage(0).phase, Phase::kDone);
}

}  // namespace
}  // namespace crossmill::core
