#include "coordinator/rebuild/step_pairing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;

v1::StagePlan* AddStage(const std::string& name, const std::vector<std::string>& texts, v1::BuildPlan* plan) {
  v1::StagePlan* stage = plan->add_stages();
  stage->set_name(name);
  stage->set_scratch(true);
  for (const std::string& text : texts) {
    v1::Step* step = stage->add_steps();
    step->set_number(static_cast<uint32_t>(stage->steps_size()) + 1);
    step->set_text(text);
    step->mutable_run();
  }
  return stage;
}

void SetTarget(uint32_t stage, v1::BuildPlan* plan) { plan->add_cells()->set_target_stage(stage); }

// The last step of `to` copies out of `from`.
void CopyFrom(uint32_t from, uint32_t to, v1::BuildPlan* plan) {
  v1::StagePlan& stage = *plan->mutable_stages(static_cast<int>(to));
  plan->mutable_stages(static_cast<int>(from))->add_exports();
  v1::Step& step = *stage.mutable_steps(stage.steps_size() - 1);
  step.mutable_copy()->add_sources()->mutable_export_()->set_stage(from);
}

// "stage text | stage text", "-" where there is none.
std::vector<std::string> Told(const v1::BuildPlan& first, const v1::BuildPlan& second) {
  std::vector<std::string> told;
  const auto word = [](const v1::BuildPlan& plan, const std::optional<PlannedStep>& step) -> std::string {
    if (!step) return "-";
    return plan.stages(static_cast<int>(step->stage)).name() + " " +
           (step->step == nullptr ? "FROM" : step->step->text());
  };
  for (const PlannedPair& pair : PairSteps({first, 0}, {second, 0}))
    told.push_back(word(first, pair.first) + " | " + word(second, pair.second));
  return told;
}

TEST(StepPairingTest, StepsOfOneTextCorrespondInOrder) {
  v1::BuildPlan first;
  AddStage("main", {"a", "b", "c"}, &first);
  SetTarget(0, &first);
  v1::BuildPlan second;
  AddStage("main", {"new", "a", "c", "c"}, &second);
  SetTarget(0, &second);
  EXPECT_THAT(Told(first, second), ElementsAre("main FROM | main FROM", "- | main new", "main a | main a",
                                               "main b | -", "- | main c", "main c | main c"));
}

TEST(StepPairingTest, TargetsCorrespondWhateverTheyAreCalledAndSoDoTheirBases) {
  v1::BuildPlan first;
  AddStage("base", {"a"}, &first);
  AddStage("main", {"b"}, &first)->set_base_stage(0);
  SetTarget(1, &first);
  v1::BuildPlan second;
  AddStage("ground", {"a"}, &second);
  AddStage("final", {"b"}, &second)->set_base_stage(0);
  SetTarget(1, &second);
  EXPECT_THAT(Told(first, second), ElementsAre("base FROM | ground FROM", "base a | ground a",
                                               "main FROM | final FROM", "main b | final b"));
}

TEST(StepPairingTest, OtherStagesCorrespondByNameAndThoseOfOneOnlyStandWhereTheyAre) {
  v1::BuildPlan first;
  AddStage("old", {"x"}, &first);
  AddStage("tools", {"t"}, &first);
  AddStage("main", {"copy old", "copy tools"}, &first);
  CopyFrom(1, 2, &first);
  first.mutable_stages(2)->mutable_steps(0)->mutable_copy()->add_sources()->mutable_export_()->set_stage(0);
  SetTarget(2, &first);
  v1::BuildPlan second;
  AddStage("tools", {"t"}, &second);
  AddStage("new", {"y"}, &second);
  AddStage("main", {"copy new", "copy tools"}, &second);
  CopyFrom(0, 2, &second);
  second.mutable_stages(2)->mutable_steps(0)->mutable_copy()->add_sources()->mutable_export_()->set_stage(1);
  SetTarget(2, &second);
  EXPECT_THAT(Told(first, second),
              ElementsAre("old FROM | -", "old x | -", "tools FROM | tools FROM", "tools t | tools t",
                          "- | new FROM", "- | new y", "main FROM | main FROM", "main copy old | -",
                          "- | main copy new", "main copy tools | main copy tools"));
}

}  // namespace
}  // namespace crossmill::coordinator
