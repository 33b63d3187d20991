// What an execution's environment has otherwise, and that nothing else is told of it.
#include "worker/task/varied_variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace crossmill::worker {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

v1::Variation AllVariables(unsigned number) {
  v1::Variation variation;
  variation.set_number(number);
  for (const v1::Aspect aspect :
       {v1::ASPECT_ENVIRONMENT, v1::ASPECT_TIME_ZONE, v1::ASPECT_LOCALE, v1::ASPECT_SEARCH_PATH}) {
    variation.add_aspects(aspect);
  }
  return variation;
}

std::map<v1::Aspect, std::string> ValuesOf(const std::vector<VariedVariable>& told) {
  std::map<v1::Aspect, std::string> values;
  for (const VariedVariable& each : told) values[each.aspect] = each.value;
  return values;
}

TEST(VariedVariablesTest, TheFirstExecutionIsAsTheStepHasIt) {
  std::vector<std::string> env = {"PATH=/bin", "A=b"};
  const auto values = ValuesOf(VaryVariables(AllVariables(0), &env));
  EXPECT_THAT(env, ElementsAre("PATH=/bin", "A=b"));
  EXPECT_EQ(values.size(), 4u);
  for (const auto& [aspect, value] : values) EXPECT_EQ(value, "usual");
}

TEST(VariedVariablesTest, OnlyWhatIsAskedForChanges) {
  v1::Variation variation;
  variation.set_number(2);
  variation.add_aspects(v1::ASPECT_TIME_ZONE);
  std::vector<std::string> env = {"PATH=/bin"};
  const auto values = ValuesOf(VaryVariables(variation, &env));
  EXPECT_THAT(env, ElementsAre("PATH=/bin", "TZ=<-12>12"));
  EXPECT_EQ(values.at(v1::ASPECT_TIME_ZONE), "TZ=<-12>12");
  EXPECT_EQ(values.at(v1::ASPECT_LOCALE), "usual");
}

TEST(VariedVariablesTest, WhatIsToldIsInTheEnvironment) {
  std::vector<std::string> env = {"PATH=/opt/mine:/bin"};
  const auto values = ValuesOf(VaryVariables(AllVariables(1), &env));
  EXPECT_EQ(env.front(), "PATH=/opt/mine:/bin:/nonexistent/crossmill-1");
  EXPECT_THAT(env, Contains(values.at(v1::ASPECT_ENVIRONMENT)));
  EXPECT_THAT(env, Contains(values.at(v1::ASPECT_TIME_ZONE)));
  EXPECT_THAT(env, Contains(values.at(v1::ASPECT_LOCALE)));
  EXPECT_THAT(values.at(v1::ASPECT_SEARCH_PATH), EndsWith(":/nonexistent/crossmill-1"));
}

// They are inputs of the step, and may be secrets: nothing of them is told.
TEST(VariedVariablesTest, WhatTheRecipeGivesStaysAndIsNotTold) {
  std::vector<std::string> env = {"PATH=/hidden", "TZ=hidden", "LC_ALL=hidden", "CROSSMILL_VARIATION=hidden"};
  const auto told = VaryVariables(AllVariables(1), &env);
  EXPECT_THAT(env, ElementsAre("PATH=/hidden:/nonexistent/crossmill-1", "TZ=hidden", "LC_ALL=hidden",
                               "CROSSMILL_VARIATION=hidden"));
  for (const VariedVariable& each : told) EXPECT_THAT(each.value, testing::Not(HasSubstr("hidden")));
  EXPECT_EQ(ValuesOf(told).at(v1::ASPECT_TIME_ZONE), "usual");
  EXPECT_EQ(ValuesOf(told).at(v1::ASPECT_LOCALE), "usual");
}

TEST(VariedVariablesTest, ReplicasOfOneComparisonAreInDifferentTimeZonesAndNoneInUtc) {
  std::set<std::string> zones;
  for (unsigned number = 1; number <= 15; ++number) {
    std::vector<std::string> env;
    zones.insert(ValuesOf(VaryVariables(AllVariables(number), &env)).at(v1::ASPECT_TIME_ZONE));
  }
  EXPECT_EQ(zones.size(), 15u);
  EXPECT_THAT(zones, testing::Not(Contains(HasSubstr("00"))));
}

}  // namespace
}  // namespace crossmill::worker
