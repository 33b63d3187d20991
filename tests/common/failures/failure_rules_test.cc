#include "common/failures/failure_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace crossmill::failures {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string ErrorOf(const std::string& text) {
  const auto rules = FailureRules::Load(std::vector<RuleFile>{{"house.rules", text}});
  return std::string(rules.status().message());
}

std::string ClassIn(const FailureRules& rules, const std::string& line) {
  const auto rank = rules.Find(line, 0);
  return rank ? rules.ClassOf(*rank) : "";
}

TEST(FailureRulesTest, OursAreGood) {
  EXPECT_TRUE(FailureRules::Load({}).ok()) << FailureRules::Load({}).status();
}

TEST(FailureRulesTest, AMistakeIsToldWithFileAndLine) {
  const struct {
    const char* text;
    const char* begins;
    const char* says;
  } kCases[] = {
      {"class x\n  match (unclosed\n", "house.rules:2: ", "missing )"},
      {"class x\n  match (?=ahead)\n", "house.rules:2: ", "RE2"},
      {"class x\n  match a(b)\\1\n", "house.rules:2: ", "RE2"},
      {"class x\n\n  match a*\n", "house.rules:3: ", "every line"},
      {"class x\n  match \n", "house.rules:2: ", "nothing stands behind 'match'"},
      {"class x\n  say y\n", "house.rules:1: ", "no `match` line"},
      {"class x\n  say y\nclass z\n  match z\n", "house.rules:1: ", "no `match` line"},
      {"match a\n", "house.rules:1: ", "class NAME"},
      {"class X y\n  match a\n", "house.rules:1: ", "lower case"},
      {"class x\n  match abc\n  install library {library}\n", "house.rules:3: ", "(?P<library>...)"},
      {"class x\n  match abc\n  install package y\n", "house.rules:3: ", "header, library"},
      {"class x\n  match abc\n  remedy y\n", "house.rules:3: ", "match, unless, install"},
      {"class x\n  match abc\n  constrain a'; rm -rf /\n", "house.rules:3: ", "quotes"},
      {"class x\n  match abc\n  env npm A=b\n", "house.rules:3: ", "pip NAME=VALUE"},
      {"provide header\n", "house.rules:1: ", "KIND NAME"},
      {"provide headers a.h debian=a\n", "house.rules:1: ", "none of header"},
      {"provide header a.h debian\n", "house.rules:1: ", "FAMILY=PACKAGE"},
      {"provide header a.h debian=a;reboot\n", "house.rules:1: ", "no name of a package"},
      {"provide header a.h debian=-y\n", "house.rules:1: ", "no name of a package"},
      {"provide header a.h debian[12=a\n", "house.rules:1: ", "bracket"},
      {"provide header a.h debian[new]=a\n", "house.rules:1: ", "[11..12]"},
      {"provide header a*b.h debian=a\n", "house.rules:1: ", "star"},
      {"provide header a.h debian=\n", "house.rules:1: ", "without packages"},
      {"provide tool a debian=a@new\n", "house.rules:1: ", "version"},
      {"archived debian[x]\n", "house.rules:1: ", "releases"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(ErrorOf(test.text), StartsWith(test.begins)) << test.text;
    EXPECT_THAT(ErrorOf(test.text), HasSubstr(test.says)) << test.text;
  }
}

TEST(FailureRulesTest, RulesOfTheOperatorRankAboveOursAndGeneralOnesBelow) {
  const std::string text =
      "class house\n  match Python\\.h\n  say ask us\n"
      "class anything\n  general\n  match fatal error\n  match a house word\n";
  const auto rules = FailureRules::Load(std::vector<RuleFile>{{"house.rules", text}});
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_EQ(ClassIn(**rules, "a.c:1:1: fatal error: Python.h: No such file or directory"), "house");
  EXPECT_EQ(ClassIn(**rules, "a.c:1:1: fatal error: x.h: No such file or directory"), "header");
  EXPECT_EQ(ClassIn(**rules, "it is a house word"), "anything");
  EXPECT_EQ(ClassIn(**rules, "nothing of the kind"), "");
}

TEST(FailureRulesTest, ALaterFileReplacesWhatProvidesAName) {
  const auto rules =
      FailureRules::Load(std::vector<RuleFile>{{"one.rules", "provide header libpq-fe.h debian=one"},
                                               {"two.rules", "provide header libpq-fe.h debian=two"}});
  ASSERT_TRUE(rules.ok());
  const Thing header{"header", "libpq-fe.h"};
  EXPECT_EQ((*rules)->providers().Find(header, {"debian", "debian", {}, {12}})->packages,
            std::vector<std::string>{"two"});
  // Whole: for Alpine none is known any more.
  EXPECT_FALSE((*rules)->providers().Find(header, {"alpine", "alpine", {}, {3, 20}}));
}

TEST(FailureRulesTest, WordsOfTheLineAreInWhatIsSaid) {
  const auto rules = FailureRules::BuiltIn();
  const std::string line = "x.c:1:2: fatal error: foo/bar.h: No such file or directory";
  const auto rank = rules->Find(line, 0);
  ASSERT_TRUE(rank);
  const Need need = rules->NeedOf(*rank, line);
  EXPECT_EQ(need.install, (std::vector<Thing>{{"header", "foo/bar.h"}}));
  EXPECT_THAT(need.say, HasSubstr("foo/bar.h"));
}

// A console is anybody's: neither length, nor bytes, nor what it repeats takes more than linear time.
TEST(FailureRulesTest, HostileLinesTakeLittleTime) {
  const auto rules = FailureRules::BuiltIn();
  std::string words;
  for (const RuleFile& file : EmbeddedRuleFiles()) {
    for (const auto line : absl::StrSplit(file.text, '\n')) {
      if (const auto at = line.find("match "); at != line.npos)
        absl::StrAppend(&words, line.substr(at + 6), " ");
    }
  }
  const std::vector<std::string> lines = {
      words,
      std::string(1 << 20, 'a'),
      std::string(1 << 20, '\xff'),
      std::string(4096, '\''),
      absl::StrCat(std::string(2000, 'x'), "-config ", std::string(2000, 'x'), " not foun"),
      absl::StrCat("error: command '", std::string(4000, '/')),
      "fatal error: \xff\xfe\x00: No such file or directory"};
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    for (const std::string& line : lines) rules->Find(line, 0);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

}  // namespace
}  // namespace crossmill::failures
