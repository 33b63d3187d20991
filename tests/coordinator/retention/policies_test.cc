#include "coordinator/retention/policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using testing::HasSubstr;

const PolicyRule& Rule(std::string_view name) { return **FindPolicy(name); }

TEST(PoliciesTest, EveryRuleStandsAtItsPlaceAndReadsWhatItWrites) {
  ASSERT_EQ(PolicyRules().size(), static_cast<size_t>(kPolicies));
  for (int i = 0; i < kPolicies; ++i) {
    const PolicyRule& rule = PolicyRules()[static_cast<size_t>(i)];
    EXPECT_EQ(static_cast<int>(rule.policy), i);
    EXPECT_EQ(&Rule(rule.name), &RuleOf(rule.policy));
    for (const int64_t value : {rule.least, rule.usual}) {
      const std::string text = PolicyText(rule, value);
      const auto read = ParsePolicy(rule, text);
      ASSERT_OK(read);
      EXPECT_EQ(*read, value) << rule.name << " " << text;
    }
    EXPECT_GE(rule.usual, rule.least) << rule.name;
    EXPECT_EQ(Policies()[rule.policy], rule.usual);
  }
}

TEST(PoliciesTest, ValuesAreInTheWordsOfTheFarm) {
  EXPECT_EQ(*ParsePolicy(Rule("blobs.budget"), "200G"), int64_t{200} << 30);
  EXPECT_EQ(*ParsePolicy(Rule("blobs.budget"), "1.5t"), int64_t{3} << 39);
  EXPECT_EQ(*ParsePolicy(Rule("blobs.budget"), "auto"), kNoLimit);
  EXPECT_EQ(*ParsePolicy(Rule("logs.keep"), "90m"), 5400);
  EXPECT_EQ(*ParsePolicy(Rule("logs.keep"), "forever"), kNoLimit);
  EXPECT_EQ(*ParsePolicy(Rule("images.keep-per-name"), "7"), 7);
  EXPECT_EQ(*ParsePolicy(Rule("images.keep-per-name"), "all"), kNoLimit);
  EXPECT_EQ(PolicyText(Rule("blobs.budget"), int64_t{3} << 39), "1536G");
  EXPECT_EQ(PolicyText(Rule("logs.keep"), 30 * 86400), "30d");
  EXPECT_EQ(PolicyText(Rule("logs.keep"), 5400), "90m");
}

TEST(PoliciesTest, WhatIsNotAllowedIsRefusedWithWhatIs) {
  struct Case {
    const char* name;
    const char* value;
    const char* says;
  };
  for (const Case& each :
       {Case{"blobs.budget", "lots", "a size such as 500M, 200G or 2T, at least 1M, or auto"},
        Case{"blobs.budget", "1000", "at least 1M"}, Case{"blobs.budget", "forever", "or auto"},
        Case{"blobs.budget", "0.0000001", "a size"}, Case{"blobs.budget", "99999999999T", "a size"},
        Case{"blobs.grace", "1s", "at least 5s"}, Case{"blobs.grace", "forever", "a span of time"},
        Case{"logs.keep", "90", "a span of time such as 30m, 12h, 7d or 4w"},
        Case{"images.keep-per-name", "0", "a number, at least 1, or all"},
        Case{"images.keep-per-name", "3x", "a number"}, Case{"images.keep-per-name", "-1", "a number"},
        Case{"images.keep-per-name", "", "a number"}}) {
    const auto refused = ParsePolicy(Rule(each.name), each.value);
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << each.name << "=" << each.value;
    EXPECT_THAT(std::string(refused.status().message()),
                testing::AllOf(HasSubstr(each.says), HasSubstr(each.name)));
  }
  EXPECT_THAT(std::string(FindPolicy("blobs.bugdet").status().message()),
              testing::AllOf(HasSubstr("blobs.bugdet"), HasSubstr("blobs.budget, blobs.grace")));
}

// A record that a newer or older Crossmill wrote.
TEST(PoliciesTest, WhatIsNotUnderstoodInTheRecordLeavesTheUsualValue) {
  const Policies policies({{"logs.keep", "5h"}, {"logs.keep-failed", "0x1"}, {"gone", "5"}});
  EXPECT_EQ(policies[Policy::kLogsKeep], 5 * 3600);
  EXPECT_EQ(policies[Policy::kLogsKeepFailed], RuleOf(Policy::kLogsKeepFailed).usual);
}

TEST(PoliciesTest, TheAutomaticBudgetLeavesAFifthAndTheFloor) {
  EXPECT_EQ(AutomaticBudget(1000ull << 30, 10ull << 30), int64_t{790} << 30);
  EXPECT_EQ(AutomaticBudget(1 << 20, 1 << 30), int64_t{1} << 20) << "never nothing";
  EXPECT_EQ(AutomaticBudget(UINT64_MAX, 0), kNoLimit) << "a disk that cannot be asked";
}

}  // namespace
}  // namespace crossmill::coordinator
