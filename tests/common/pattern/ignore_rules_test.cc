#include "common/pattern/ignore_rules.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace crossmill::pattern {
namespace {

IgnoreRules Rules(std::string_view text) {
  auto rules = IgnoreRules::Parse(text);
  EXPECT_TRUE(rules.ok()) << rules.status();
  return *std::move(rules);
}

bool Hides(std::string_view text, std::string_view path) { return Rules(text).Excluding(path).has_value(); }

TEST(IgnoreRulesTest, PatternsMatchWholePathsAndWhatIsBelow) {
  EXPECT_TRUE(Hides("node_modules", "node_modules"));
  EXPECT_TRUE(Hides("node_modules", "node_modules/a/b"));
  EXPECT_FALSE(Hides("node_modules", "src/node_modules"));
  EXPECT_FALSE(Hides("node_modules", "node_modules2"));
  EXPECT_TRUE(Hides("*.pyc", "a.pyc"));
  EXPECT_FALSE(Hides("*.pyc", "src/a.pyc"));
  EXPECT_TRUE(Hides("*/*.pyc", "src/a.pyc"));
  EXPECT_FALSE(Hides("*/*.pyc", "src/x/a.pyc"));
  EXPECT_TRUE(Hides("a?c", "abc"));
  EXPECT_FALSE(Hides("a?c", "a/c"));
  EXPECT_TRUE(Hides("[a-c]x", "bx/y"));
  EXPECT_FALSE(Hides("[^a-c]x", "bx"));
  EXPECT_TRUE(Hides("\\*x", "*x"));
  EXPECT_FALSE(Hides("\\*x", "ax"));
}

TEST(IgnoreRulesTest, DoubleStarMatchesAnyNumberOfFolders) {
  EXPECT_TRUE(Hides("**/*.pyc", "a.pyc"));
  EXPECT_TRUE(Hides("**/*.pyc", "x/y/a.pyc"));
  EXPECT_TRUE(Hides("**/.git", "x/.git/config"));
  EXPECT_FALSE(Hides("**/.git", "x/a.git"));
  EXPECT_TRUE(Hides("docs/**/draft", "docs/draft"));
  EXPECT_TRUE(Hides("docs/**/draft", "docs/a/b/draft/c"));
  EXPECT_FALSE(Hides("docs/**/draft", "docs/adraft"));
  EXPECT_TRUE(Hides("docs/**", "docs/a"));
  EXPECT_FALSE(Hides("docs/**", "docs"));
  EXPECT_TRUE(Hides("**", "anything/at/all"));
  EXPECT_TRUE(Hides("a**b", "a/x/b"));
  EXPECT_FALSE(Hides("a**b", "a/x/yb"));
}

TEST(IgnoreRulesTest, LastMatchWins) {
  EXPECT_FALSE(Hides("*.md\n!README.md", "README.md"));
  EXPECT_TRUE(Hides("*.md\n!README.md", "NOTES.md"));
  EXPECT_TRUE(Hides("*.md\n!README*.md\nREADME-secret.md", "README-secret.md"));
  EXPECT_TRUE(Hides("!README.md\n*.md", "README.md"));
  EXPECT_FALSE(Hides("docs\n!docs/api", "docs/api/index"));
  EXPECT_TRUE(Hides("docs\n!docs/api", "docs/guide"));
  EXPECT_TRUE(Hides("docs\n!docs/api\ndocs/api/private", "docs/api/private/x"));
}

TEST(IgnoreRulesTest, TextIsCleaned) {
  EXPECT_TRUE(
      Hides("\xEF\xBB\xBF"
            "a",
            "a"));
  EXPECT_FALSE(Hides("# a\n#b", "# a"));
  EXPECT_TRUE(Hides("  /a/./b/../c/  \r\n", "a/c"));
  EXPECT_TRUE(Hides(" #b", "#b"));
  EXPECT_TRUE(Hides("a//b/", "a/b/x"));
  EXPECT_FALSE(Hides("x\n! x", "x"));
  EXPECT_FALSE(Hides("../a", "a"));
  EXPECT_FALSE(Hides("\n\n \n", "a"));
  EXPECT_FALSE(Hides(".", "a"));
}

TEST(IgnoreRulesTest, ALeadingSlashOfAnExcludeMatchesNothing) {
  const std::vector<std::string> patterns{"/a", "./x/../b", ".."};
  const auto rules = IgnoreRules::FromPatterns(patterns);
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_FALSE(rules->Excluding("a").has_value());
  EXPECT_TRUE(rules->Excluding("b").has_value());
  EXPECT_FALSE(rules->Excluding("c").has_value());
}

TEST(IgnoreRulesTest, RuleIsNamedWithItsLine) {
  const auto rule = Rules("# no\n\n*.log\n").Excluding("x.log/deep");
  ASSERT_TRUE(rule.has_value());
  EXPECT_EQ(rule->line, 3);
  EXPECT_EQ(rule->text, "*.log");
}

TEST(IgnoreRulesTest, ExcludedFolderIsWalkedOnlyForItsExceptions) {
  const IgnoreRules rules = Rules("docs\nbuild\n!docs/api/*.md\n!**/keep\nold");
  EXPECT_TRUE(rules.MayHaveExceptionBelow("docs"));
  EXPECT_TRUE(rules.MayHaveExceptionBelow("docs/api"));
  EXPECT_TRUE(rules.MayHaveExceptionBelow("build"));  // for build/keep
  EXPECT_FALSE(rules.MayHaveExceptionBelow("old"));   // its rule comes last
  EXPECT_FALSE(Rules("docs\n!src/x").MayHaveExceptionBelow("docs"));
  EXPECT_FALSE(Rules("docs\n!docs").MayHaveExceptionBelow("docs"));
  EXPECT_FALSE(Rules("!docs/x\ndocs").MayHaveExceptionBelow("docs"));
}

TEST(IgnoreRulesTest, MalformedPatternsAreNamedWithLine) {
  EXPECT_EQ(Sv(IgnoreRules::Parse("a\n[x\n").status().message()),
            "2: pattern '[x' has a '[' that is not closed; expected ']' or '\\['");
  EXPECT_EQ(Sv(IgnoreRules::Parse("!").status().message()),
            "1: '!' stands alone; expected a pattern after it");
  EXPECT_FALSE(IgnoreRules::Parse("a\\").ok());
}

}  // namespace
}  // namespace crossmill::pattern
