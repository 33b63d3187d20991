// Patterns against Go's and moby's own answers, and against patterns that are made to take long.
#include "common/pattern/path_pattern.h"

#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/pattern/ignore_rules.h"

namespace crossmill::pattern {
namespace {

// Rows of a table that another program made: columns between tabs, without its comments.
std::vector<std::vector<std::string>> Rows(std::string_view name) {
  const auto text = ReadFile(fmt::format("{}/patterns/{}", CROSSMILL_GOLDEN_FOLDER, name));
  EXPECT_TRUE(text.ok()) << text.status();
  std::vector<std::vector<std::string>> rows;
  if (!text.ok()) return rows;
  for (const auto line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    if (Sv(line).starts_with("# ")) continue;
    rows.push_back(absl::StrSplit(line, '\t'));
    EXPECT_EQ(rows.back().size(), 3u) << line;
  }
  EXPECT_GT(rows.size(), 500u);
  return rows;
}

PathPattern Compiled(std::string_view text, Dialect dialect) {
  auto pattern = PathPattern::Compile(text, dialect);
  EXPECT_TRUE(pattern.ok()) << text << ": " << pattern.status();
  return *std::move(pattern);
}

TEST(PathPatternTest, AnswersAsGoDoes) {
  for (const auto& row : Rows("copy_patterns")) {
    const auto pattern = PathPattern::Compile(row[0], Dialect::kCopy);
    const std::string_view answer = !pattern.ok() ? "bad" : pattern->Matches(row[1]) ? "yes" : "no";
    EXPECT_EQ(answer, row[2]) << row[0] << " on " << row[1];
  }
}

TEST(PathPatternTest, IgnoreRulesAnswerAsMobyDoes) {
  for (const auto& row : Rows("ignore_rules")) {
    const auto rules = IgnoreRules::FromPatterns(std::vector<std::string>(absl::StrSplit(row[0], '|')));
    const std::string_view answer = !rules.ok() ? "bad" : rules->Excluding(row[1]) ? "yes" : "no";
    EXPECT_EQ(answer, row[2]) << row[0] << " on " << row[1];
  }
}

// A walk goes only where something may match: it must not miss anything.
void ExpectFoundByAWalk(const PathPattern& pattern, const std::string& path, const std::string& text) {
  EXPECT_TRUE(pattern.MayMatchBelow("")) << text;
  for (size_t end = path.find('/'); end != path.npos; end = path.find('/', end + 1)) {
    EXPECT_TRUE(pattern.MayMatchBelow(path.substr(0, end))) << text << " on " << path;
  }
}

TEST(PathPatternTest, WhatMatchesIsFoundByAWalk) {
  for (const auto& row : Rows("copy_patterns")) {
    if (row[2] == "yes") ExpectFoundByAWalk(Compiled(row[0], Dialect::kCopy), row[1], row[0]);
  }
  for (const auto& row : Rows("ignore_rules")) {
    for (const auto rule : absl::StrSplit(row[0], '|')) {
      const std::string text(Sv(rule).substr(Sv(rule).starts_with("!") ? 1 : 0));
      const PathPattern pattern = Compiled(text, Dialect::kIgnore);
      if (pattern.Matches(row[1])) ExpectFoundByAWalk(pattern, row[1], text);
    }
  }
}

TEST(PathPatternTest, StarsDifferByDialect) {
  EXPECT_TRUE(Compiled("**/x", Dialect::kCopy).Matches("a/x"));
  EXPECT_FALSE(Compiled("**/x", Dialect::kCopy).Matches("a/b/x"));
  EXPECT_FALSE(Compiled("**/x", Dialect::kCopy).Matches("x"));
  EXPECT_TRUE(Compiled("**/x", Dialect::kIgnore).Matches("a/b/x"));
  EXPECT_TRUE(Compiled("**/x", Dialect::kIgnore).Matches("x"));
}

TEST(PathPatternTest, ClassesAndStarsStayInTheirComponent) {
  for (const Dialect dialect : {Dialect::kCopy, Dialect::kIgnore}) {
    EXPECT_FALSE(Compiled("a[^x]b", dialect).Matches("a/b"));
    EXPECT_FALSE(Compiled("a?b", dialect).Matches("a/b"));
    EXPECT_FALSE(Compiled("a*b", dialect).Matches("a/b"));
    EXPECT_TRUE(Compiled("[!a]b", dialect).Matches("ab"));
    EXPECT_TRUE(Compiled("[!a]b", dialect).Matches("!b"));
    EXPECT_FALSE(Compiled("[!a]b", dialect).Matches("xb"));
  }
}

TEST(PathPatternTest, BytesThatAreNotTextAreCharactersOfTheirOwn) {
  for (const Dialect dialect : {Dialect::kCopy, Dialect::kIgnore}) {
    EXPECT_FALSE(Compiled("a?c", dialect).Matches("a\xffzc"));
    EXPECT_TRUE(Compiled("a?c", dialect)
                    .Matches("a\xff"
                             "c"));
    EXPECT_TRUE(Compiled("a\xff?", dialect).Matches("a\xff\xfe"));
    EXPECT_FALSE(Compiled("a\xff", dialect).Matches("a\xfe"));
    EXPECT_TRUE(Compiled("[^a]", dialect).Matches("\xff"));
    EXPECT_TRUE(Compiled("?", dialect).Matches("\xE4\xB8\x96"));
    EXPECT_FALSE(Compiled("?", dialect).Matches("\xE4\xB8"));
  }
}

// Whoever tries one way after the other needs longer than anybody waits: each star doubles it.
TEST(PathPatternTest, HostilePatternsAreBounded) {
  std::string stars;
  std::string folders;
  std::string path;
  for (int i = 0; i < 60; ++i) {
    stars += "*a";
    folders += "**/a*/";
    path += "aaaa/";
  }
  stars += "*b";
  folders += "b";
  path += "c";
  EXPECT_FALSE(Compiled(stars, Dialect::kCopy).Matches(std::string(4000, 'a')));
  EXPECT_FALSE(Compiled(folders, Dialect::kIgnore).Matches(path));
  EXPECT_FALSE(Compiled(folders, Dialect::kIgnore).MatchesPathOrParent(path));
  EXPECT_TRUE(Compiled(folders, Dialect::kIgnore).MayMatchBelow(path));
}

TEST(PathPatternTest, WhatMayMatchBelowIsNotSearchedInVain) {
  const PathPattern pattern = Compiled("src/*/x?", Dialect::kCopy);
  EXPECT_TRUE(pattern.MayMatchBelow(""));
  EXPECT_TRUE(pattern.MayMatchBelow("src"));
  EXPECT_TRUE(pattern.MayMatchBelow("src/a"));
  EXPECT_FALSE(pattern.MayMatchBelow("src/a/b"));
  EXPECT_FALSE(pattern.MayMatchBelow("docs"));
  EXPECT_FALSE(Compiled("src/a", Dialect::kCopy).MayMatchBelow("src/a"));
}

TEST(PathPatternTest, MalformedPatternsSayWhatIsExpected) {
  const auto message = [](std::string_view text) {
    return std::string(Sv(PathPattern::Compile(text, Dialect::kCopy).status().message()));
  };
  EXPECT_EQ(message("[x"), "pattern '[x' has a '[' that is not closed; expected ']' or '\\['");
  EXPECT_EQ(message("[]a]"), "pattern '[]a]' has a ']' where a class needs a character; expected '\\]'");
  EXPECT_EQ(message("[-a]"), "pattern '[-a]' has a '-' where a class needs a character; expected '\\-'");
  EXPECT_EQ(message("a\\"), "pattern 'a\\' ends in '\\'; expected a character after it");
}

}  // namespace
}  // namespace crossmill::pattern
