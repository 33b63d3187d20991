#include "coordinator/engine/bounds/admitted_builds.h"

#include <gtest/gtest.h>

namespace crossmill::coordinator {
namespace {

TEST(AdmittedBuildsTest, AProjectHasNoMoreBuildsThanItMay) {
  core::ProjectTerms terms;
  terms.SetLimits("a", 0, 2);
  AdmittedBuilds admitted(&terms);
  admitted.Add(1, "a", {});
  EXPECT_TRUE(admitted.Check("a", {}).ok());
  admitted.Add(2, "a", {});
  EXPECT_EQ(admitted.Check("a", {}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(admitted.Check("b", {}).ok());
  admitted.Remove(1);
  admitted.Remove(1);
  EXPECT_TRUE(admitted.Check("a", {}).ok());
}

TEST(AdmittedBuildsTest, SoManyDifferentRealmsAreLookedAt) {
  AdmittedBuilds admitted(nullptr);
  for (size_t i = 0; i < AdmittedBuilds::kMostRealms; ++i)
    admitted.Add(static_cast<int64_t>(i), "a", {"", {"k" + std::to_string(i) + "=v"}});
  EXPECT_EQ(admitted.Check("b", {"more", {}}).code(), absl::StatusCode::kResourceExhausted);
  // One that others have, and none, cost nothing.
  EXPECT_TRUE(admitted.Check("b", {"", {"k3=v"}}).ok());
  EXPECT_TRUE(admitted.Check("b", {}).ok());
  admitted.Remove(5);
  EXPECT_TRUE(admitted.Check("b", {"more", {}}).ok());
}

}  // namespace
}  // namespace crossmill::coordinator
