#include "common/words/normalize_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/status.h"

namespace crossmill {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(NormalizeRulesTest, EachHasANameOfItsOwnAndASentence) {
  std::set<std::string_view> names;
  for (const NormalizeRule& rule : NormalizeRules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    EXPECT_NE(rule.name, "all");
    EXPECT_EQ(rule.name.find_first_of(", ="), std::string_view::npos) << rule.name;
    EXPECT_GT(rule.sentence.size(), 10u) << rule.name;
  }
}

TEST(NormalizeRulesTest, AllAreThoseOfTheTableInItsOrder) {
  const auto all = ParseNormalize("all");
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), NormalizeRules().size());
  for (size_t i = 0; i < all->size(); ++i) EXPECT_EQ((*all)[i], NormalizeRules()[i].name);
  EXPECT_EQ(ParseNormalize("man-db,all").value(), *all);
}

TEST(NormalizeRulesTest, ASetIsOneListHoweverItIsWritten) {
  EXPECT_THAT(ParseNormalize("machine-id,apt-logs,machine-id").value(),
              ElementsAre("apt-logs", "machine-id"));
}

TEST(NormalizeRulesTest, UnknownNamesAreRefusedWithThoseThatThereAre) {
  for (const char* text : {"apt-log", "apt-logs,,machine-id", "", "all,x"}) {
    const auto rules = ParseNormalize(text);
    ASSERT_TRUE(absl::IsInvalidArgument(rules.status())) << text;
    for (const NormalizeRule& rule : NormalizeRules()) {
      EXPECT_THAT(std::string(Sv(rules.status().message())), HasSubstr(std::string(rule.name)));
    }
  }
  EXPECT_THAT(std::string(Sv(ParseNormalize("apt-logs,moon").status().message())),
              HasSubstr("no rule 'moon'"));
}

TEST(NormalizeRulesTest, OtherProgramsAreHeldToTheOneOrder) {
  EXPECT_TRUE(CheckNormalize({}).ok());
  EXPECT_TRUE(CheckNormalize(ParseNormalize("all").value()).ok());
  EXPECT_TRUE(CheckNormalize({"apt-logs", "machine-id"}).ok());
  EXPECT_FALSE(CheckNormalize({"machine-id", "apt-logs"}).ok());
  EXPECT_FALSE(CheckNormalize({"apt-logs", "apt-logs"}).ok());
  EXPECT_FALSE(CheckNormalize({"all"}).ok());
}

// What a rule takes out is told by files and causes together.
TEST(NormalizeRulesTest, WhatIsTakenOutHasFilesAndCauses) {
  for (const NormalizeRule& rule : NormalizeRules()) {
    EXPECT_EQ(rule.files.empty(), rule.causes.empty()) << rule.name;
    EXPECT_TRUE(rule.proviso.empty() || !rule.causes.empty()) << rule.name;
  }
}

}  // namespace
}  // namespace crossmill
