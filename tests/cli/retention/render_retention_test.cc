#include "cli/retention/render_retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::GetDiskUseResponse DiskUse() {
  v1::GetDiskUseResponse use;
  v1::RoomUse* images = use.add_blobs();
  images->set_kind("images");
  images->set_count(12);
  images->set_bytes(3'000'000);
  images->set_reason("until the image is removed");
  v1::RoomUse* logs = use.add_others();
  logs->set_kind("logs");
  logs->set_bytes(40'000);
  use.set_blobs_bytes(3'000'000);
  use.set_total_bytes(3'040'000);
  use.set_budget_bytes(5'000'000'000);
  use.set_disk_bytes(9'000'000'000);
  return use;
}

TEST(RenderRetentionTest, DiskUseHasEveryKindAndReasonsWhereTheyAreAskedFor) {
  const std::string text = RenderDiskUse(DiskUse(), false, {});
  EXPECT_THAT(text, HasSubstr("images     12   3.0 MB"));
  EXPECT_THAT(text, HasSubstr("logs"));
  EXPECT_THAT(text, HasSubstr("3.0 MB of 5.0 GB (policy blobs.budget)"));
  EXPECT_THAT(text, Not(HasSubstr("until the image")));
  EXPECT_THAT(RenderDiskUse(DiskUse(), true, {}), HasSubstr("until the image is removed"));
}

TEST(RenderRetentionTest, WhyNothingNewIsTakenIsSaid) {
  v1::GetDiskUseResponse use = DiskUse();
  EXPECT_EQ(DiskUseJson(use)["refusing"], "");
  use.set_refusing("the budget cannot be met");
  EXPECT_THAT(RenderDiskUse(use, false, {}), HasSubstr("the budget cannot be met"));
  EXPECT_EQ(DiskUseJson(use)["refusing"], "the budget cannot be met");
  EXPECT_EQ(DiskUseJson(use)["blobs"][0]["bytes"], 3'000'000);
}

TEST(RenderRetentionTest, ADryRunIsToldFromTheRealThing) {
  v1::CollectResponse collected;
  collected.set_blobs(1);
  collected.set_bytes(1000);
  v1::RoomUse* aged = collected.add_aged();
  aged->set_kind("consoles");
  aged->set_count(7);
  EXPECT_THAT(RenderCollected(collected, true, {}), HasSubstr("would remove 1 blob, 1.0 kB"));
  EXPECT_THAT(RenderCollected(collected, true, {}), HasSubstr("too old: 7 consoles"));
  EXPECT_THAT(RenderCollected(collected, false, {}), testing::StartsWith("removed 1 blob"));
  EXPECT_EQ(CollectedJson(collected, true)["dry_run"], true);
}

TEST(RenderRetentionTest, PoliciesThatWereSetShowTheirUsualValue) {
  v1::ListPoliciesResponse policies;
  v1::PolicyView* budget = policies.add_policies();
  budget->set_name("blobs.budget");
  budget->set_value("auto");
  budget->set_usual("auto");
  budget->set_bytes(5'000'000'000);
  v1::PolicyView* logs = policies.add_policies();
  logs->set_name("logs.keep");
  logs->set_value("5d");
  logs->set_usual("90d");
  logs->set_set(true);
  const std::string text = RenderPolicies(policies, {});
  EXPECT_THAT(text, HasSubstr("auto (5.0 GB)"));
  EXPECT_THAT(text, HasSubstr("5d"));
  EXPECT_THAT(text, HasSubstr("90d"));
  EXPECT_EQ(PoliciesJson(policies)[1]["usual"], "90d");
}

}  // namespace
}  // namespace crossmill::cli
