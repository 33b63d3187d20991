#include "coordinator/engine/planning/cache_domain.h"

#include <gtest/gtest.h>

#include "common/plan/step_key.h"

namespace crossmill::coordinator {
namespace {

v1::BuildPlan PlanWithCaches() {
  v1::BuildPlan plan;
  v1::StagePlan& stage = *plan.add_stages();
  v1::Step& run = *stage.add_steps();
  run.mutable_run()->add_argv("true");
  for (const char* id : {"", "pip", "project shop, pip"}) {
    v1::RunMount& mount = *run.mutable_run()->add_mounts();
    mount.set_type(v1::RunMount::TYPE_CACHE);
    mount.set_target("/cache");
    mount.set_id(id);
  }
  v1::RunMount& secret = *run.mutable_run()->add_mounts();
  secret.set_type(v1::RunMount::TYPE_SECRET);
  secret.set_id("token");
  stage.add_steps()->mutable_workdir()->set_path("/w");
  return plan;
}

std::string KeyOf(const v1::BuildPlan& plan, int step) {
  return plan::StepKey({}, {}, plan.stages(0).steps(step), 0);
}

TEST(CacheDomainTest, PlansOfTheDefaultProjectStayAsTheyWere) {
  v1::BuildPlan plan = PlanWithCaches();
  // But for an id that means the cache of another.
  v1::RunMount& foreign = *plan.mutable_stages(0)->mutable_steps(0)->mutable_run()->mutable_mounts(2);
  foreign.set_id("project");
  const std::string before = plan.SerializeAsString();
  SetCacheDomain("", &plan);
  EXPECT_EQ(plan.SerializeAsString(), before);
  SetCacheDomain("default", &plan);
  EXPECT_EQ(plan.SerializeAsString(), before);
  foreign.set_id("project shop, pip");
  SetCacheDomain("", &plan);
  EXPECT_EQ(foreign.id(), "project default, project shop, pip");
}

TEST(CacheDomainTest, KeysAndCachesOfAProjectAreItsOwn) {
  v1::BuildPlan of_default = PlanWithCaches(), shop = PlanWithCaches(), bank = PlanWithCaches();
  SetCacheDomain("", &of_default);
  SetCacheDomain("shop", &shop);
  SetCacheDomain("bank", &bank);
  for (const int step : {0, 1}) {
    EXPECT_NE(KeyOf(of_default, step), KeyOf(shop, step));
    EXPECT_NE(KeyOf(bank, step), KeyOf(shop, step));
  }
  const auto& mounts = shop.stages(0).steps(0).run().mounts();
  EXPECT_EQ(mounts[0].id(), "project shop, /cache");
  EXPECT_EQ(mounts[1].id(), "project shop, pip");
  EXPECT_EQ(mounts[3].id(), "token");
  EXPECT_EQ(bank.stages(0).steps(0).run().mounts(2).id(), "project bank, project shop, pip");
  // A recorded plan is taken once more.
  v1::BuildPlan again = shop;
  SetCacheDomain("shop", &again);
  EXPECT_EQ(again.SerializeAsString(), shop.SerializeAsString());
}

// Of a farm that is not updated in between: recorded caches stay valid.
TEST(CacheDomainTest, AStepWithoutDomainHasTheKeyOfBefore) {
  v1::Step step;
  step.mutable_workdir()->set_path("/w");
  v1::Platform platform;
  platform.set_os("linux");
  platform.set_architecture("amd64");
  EXPECT_EQ(plan::StepKey(platform, {}, step, std::nullopt),
            "664989a048253097c8ea7957448874dd13317b70d43afd413441d2f19afebc0f");
  step.set_cache_domain("shop");
  EXPECT_NE(plan::StepKey(platform, {}, step, std::nullopt),
            "664989a048253097c8ea7957448874dd13317b70d43afd413441d2f19afebc0f");
}

}  // namespace
}  // namespace crossmill::coordinator
