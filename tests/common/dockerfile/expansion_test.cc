#include "common/dockerfile/expansion.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace crossmill::dockerfile {
namespace {

const Variables kVariables = {{"A", "value"},   {"EMPTY", ""},   {"PATH_", "/usr/local/lib/x.tar.gz"},
                              {"W", "one two"}, {"STAR", "a*b"}, {"UTF", "\xC3\xA4\xC3\xB6\xC3\xBC"},
                              {"Q", "\"$A'"},   {"N", "aaa"}};

std::string Ok(std::string_view text, const ExpansionOptions& options = {}) {
  const auto result = Expand(text, kVariables, options);
  return result.ok() ? *result : "ERROR " + std::string(result.status().message());
}

TEST(ExpansionTest, PlainForms) {
  EXPECT_EQ(Ok("x$A/y"), "xvalue/y");
  EXPECT_EQ(Ok("${A}b$Ab"), "valueb");
  EXPECT_EQ(Ok("$UNSET|${UNSET}|"), "||");
  EXPECT_EQ(Ok("$"), "$");
  EXPECT_EQ(Ok("a$ b$/"), "a$ b$/");
  EXPECT_EQ(Ok("$12x$?"), "x");
  EXPECT_EQ(Ok("$Q"), "\"$A'");
}

TEST(ExpansionTest, PatternsKeepTheEscapesOfTheirCharacters) {
  const ExpansionOptions pattern{.is_pattern = true};
  EXPECT_EQ(Ok("star\\*\\?\\[", pattern), "star\\*\\?\\[");
  EXPECT_EQ(Ok("a\\ b\\$A\\", pattern), "a b$A");
  EXPECT_EQ(Ok("star\\*"), "star*");
  EXPECT_EQ(Ok("star`*", {.escape = '`', .is_pattern = true}), "star*");
}

TEST(ExpansionTest, Conditionals) {
  EXPECT_EQ(Ok("${A:-d}${A-d}"), "valuevalue");
  EXPECT_EQ(Ok("${EMPTY:-d}|${EMPTY-d}|${NO:-d}|${NO-d}"), "d||d|d");
  EXPECT_EQ(Ok("${A:+d}|${EMPTY:+d}|${EMPTY+d}|${NO+d}"), "d||d|");
  EXPECT_EQ(Ok("${NO:-${ALSO:-$A}}"), "value");
  EXPECT_EQ(Ok("${NO:-'a}b'}"), "a}b");
  EXPECT_EQ(Ok("${NO:-a\\}b}"), "a}b");
  EXPECT_EQ(Ok("${A:?no}${EMPTY?no}"), "value");
  EXPECT_EQ(Ok("${EMPTY:?must be given}"), "ERROR EMPTY: must be given");
  EXPECT_EQ(Ok("${NO?}"), "ERROR NO is not set; expected a value");
}

TEST(ExpansionTest, TrimmedEnds) {
  EXPECT_EQ(Ok("${PATH_#*/}"), "usr/local/lib/x.tar.gz");
  EXPECT_EQ(Ok("${PATH_##*/}"), "x.tar.gz");
  EXPECT_EQ(Ok("${PATH_%.*}"), "/usr/local/lib/x.tar");
  EXPECT_EQ(Ok("${PATH_%%.*}"), "/usr/local/lib/x");
  EXPECT_EQ(Ok("${PATH_%nothing}"), "/usr/local/lib/x.tar.gz");
  EXPECT_EQ(Ok("${STAR#a\\*}"), "b");
  EXPECT_EQ(Ok("${A#?}"), "alue");
  EXPECT_EQ(Ok("${UTF#?}"), "\xC3\xB6\xC3\xBC");
  EXPECT_EQ(Ok("${UTF%?}"), "\xC3\xA4\xC3\xB6");
  EXPECT_EQ(Ok("${A#$A}"), "");
  EXPECT_EQ(Ok("${A#\\x}"), "ERROR unknown escape '\\x' in the pattern '\\x'; expected \\*, \\? or \\\\");
}

TEST(ExpansionTest, Replacements) {
  EXPECT_EQ(Ok("${PATH_/\\//_}"), "_usr/local/lib/x.tar.gz");
  EXPECT_EQ(Ok("${PATH_//\\//_}"), "_usr_local_lib_x.tar.gz");
  EXPECT_EQ(Ok("${N/a/b}${N//a/b}${N//a/}"), "baabbb");
  EXPECT_EQ(Ok("${N//aa/b}"), "ba");
  EXPECT_EQ(Ok("${A/l*/X}"), "vaX");
  EXPECT_EQ(Ok("${A//x/y}"), "value");
  EXPECT_EQ(Ok("${N//*/b}"), "b");
  EXPECT_EQ(Ok("${N//a}"), "ERROR '${' is not closed; expected '/'");
}

TEST(ExpansionTest, QuotesAndEscapes) {
  EXPECT_EQ(Ok("'$A'"), "$A");
  EXPECT_EQ(Ok("\"$A\""), "value");
  EXPECT_EQ(Ok("\"a\\\"b\\$A\\n\""), "a\"b$A\\n");
  EXPECT_EQ(Ok("\\$A \\\\ \\n"), "$A \\ n");
  EXPECT_EQ(Ok("a\\"), "a");
  EXPECT_EQ(Ok("a'b c'\"d e\""), "ab cd e");
  EXPECT_EQ(Ok("`$A \\x", {'`', false}), "$A \\x");
  EXPECT_EQ(Ok("it's \"$A\"", {'\\', true}), "it's \"value\"");
}

TEST(ExpansionTest, WordsAreSplitAfterExpansion) {
  const auto words = ExpandToWords("$W \"$W\" a\\ b ''", kVariables);
  ASSERT_TRUE(words.ok());
  EXPECT_EQ(*words, (std::vector<std::string>{"one", "two", "one two", "a b"}));
}

TEST(ExpansionTest, SyntaxErrorsSayWhatWasExpected) {
  EXPECT_EQ(Ok("${A"), "ERROR '${A' is not closed; expected '}'");
  EXPECT_EQ(Ok("${"), "ERROR '${' is not closed; expected '}'");
  EXPECT_EQ(Ok("${}"), "ERROR '${' has no name behind it; expected ${NAME}");
  EXPECT_EQ(Ok("'a"), "ERROR a single quote is not closed; expected '");
  EXPECT_EQ(Ok("\"a"), "ERROR a double quote is not closed; expected \"");
  EXPECT_EQ(Ok("${A^^}"),
            "ERROR unknown operator '^' in '${A...}'; expected one of :- - :+ + :? ? # ## % %% / //");
  EXPECT_EQ(Ok("${A:=x}").substr(0, 25), "ERROR unknown operator ':");
}

TEST(ExpansionTest, HugeResultsAndDeepNestingAreRefused) {
  const Variables big = {{"X", std::string(600'000, 'x')}};
  EXPECT_FALSE(Expand("$X$X", big).ok());
  EXPECT_FALSE(Expand("${X//x/yyyy}", big).ok());
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "${NO:-";
  EXPECT_FALSE(Expand(deep + std::string(10'000, '}'), big).ok());
  // One level deep, however often.
  std::string wide;
  for (int i = 0; i < 1'000; ++i) wide += "${NO:-a}";
  EXPECT_TRUE(Expand(wide, big).ok());
}

}  // namespace
}  // namespace crossmill::dockerfile
