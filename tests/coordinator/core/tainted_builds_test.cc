#include "coordinator/core/standing/tainted_builds.h"

#include <gtest/gtest.h>

namespace crossmill::core {
namespace {

// A build of stages that are added one after the other.
struct Recipe {
  v1::BuildPlan plan;
  v1::BuildView view;

  v1::StagePlan& Stage() {
    view.add_stages();
    return *plan.add_stages();
  }
  // Of the last stage: executed under that number, with that layer.
  v1::Step& Step(int64_t execution, const std::string& layer) {
    v1::StepView& step = *view.mutable_stages(view.stages_size() - 1)->add_steps();
    step.set_execution(execution);
    step.mutable_layer()->mutable_tar()->set_hash(layer);
    return *plan.mutable_stages(plan.stages_size() - 1)->add_steps();
  }
  void CopyFrom(uint32_t stage, int64_t execution, const std::string& layer) {
    Step(execution, layer).mutable_copy()->add_sources()->mutable_export_()->set_stage(stage);
  }
  void OnImage(const std::string& layer) {
    Stage().set_base_image(static_cast<uint32_t>(plan.bases_size()));
    plan.add_bases()->add_layers()->mutable_tar()->set_hash(layer);
  }
  bool In(TaintedBuilds& builds) const { return builds.Add(plan, view); }
};

TEST(TaintedBuildsTest, OwnStepsAndReusedOnes) {
  TaintedBuilds builds({7});
  Recipe bad;
  bad.Stage();
  bad.Step(7, "x");
  EXPECT_TRUE(bad.In(builds));
  Recipe clean;
  clean.Stage();
  clean.Step(8, "y");
  clean.Step(0, "");
  EXPECT_FALSE(clean.In(builds));
  EXPECT_FALSE(Recipe().In(builds));
}

TEST(TaintedBuildsTest, StagesThatGoOnOrCopyAndImagesOfThem) {
  TaintedBuilds builds({7});
  Recipe recipe;
  recipe.Stage();
  recipe.Step(1, "before");
  recipe.Step(7, "bad");
  recipe.Step(2, "above");
  recipe.Stage().set_base_stage(0);
  recipe.Step(3, "stage-above");
  recipe.Stage();
  recipe.Step(4, "clean");
  recipe.CopyFrom(1, 5, "copied");
  EXPECT_TRUE(recipe.In(builds));
  for (const char* layer : {"bad", "above", "stage-above", "copied"}) {
    Recipe on;
    on.OnImage(layer);
    on.Step(20, std::string("on-") + layer);
    EXPECT_TRUE(on.In(builds)) << layer;
    Recipe further;
    further.OnImage(std::string("on-") + layer);
    EXPECT_TRUE(further.In(builds)) << layer;
  }
  for (const char* layer : {"before", "clean", "other"}) {
    Recipe on;
    on.OnImage(layer);
    EXPECT_FALSE(on.In(builds)) << layer;
  }
}

TEST(TaintedBuildsTest, PlanThatTheViewDoesNotFollowYet) {
  TaintedBuilds builds({7});
  Recipe recipe;
  recipe.Stage();
  recipe.plan.mutable_stages(0)->add_steps();
  recipe.plan.add_stages()->set_base_stage(9);
  recipe.plan.add_stages()->set_base_image(4);
  EXPECT_FALSE(recipe.In(builds));
}

}  // namespace
}  // namespace crossmill::core
