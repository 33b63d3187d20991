// What matches is told by a matcher that tries everything; what it costs, by counting.
#include "common/pattern/shell_pattern.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>

#include "tests/support/status_matchers.h"

namespace crossmill::pattern {
namespace {

// `text` matches all of `pattern`, which has no escapes.
bool MatchesWhole(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    if (MatchesWhole(text, pattern.substr(1))) return true;
    return !text.empty() && text[0] != '\n' && MatchesWhole(text.substr(1), pattern);
  }
  if (text.empty()) return false;
  const bool one = pattern[0] == '?' ? text[0] != '\n' : text[0] == pattern[0];
  return one && MatchesWhole(text.substr(1), pattern.substr(1));
}

std::string ReplaceSlowly(std::string_view text, std::string_view pattern, std::string_view by, bool all) {
  std::string result;
  std::optional<size_t> last_end;
  for (size_t i = 0; i <= text.size();) {
    std::optional<size_t> end;
    for (size_t j = text.size() + 1; j-- > i && !end;) {
      if (MatchesWhole(text.substr(i, j - i), pattern)) end = j;
    }
    if (end && (*end > i || last_end != i)) {
      result += by;
      last_end = end;
      if (!all) return result + std::string(text.substr(*end));
      if (*end > i) {
        i = *end;
        continue;
      }
    }
    if (i < text.size()) result += text[i];
    ++i;
  }
  return result;
}

TEST(ShellPattern, ReplacesWhatAMatcherReplacesThatTriesEverything) {
  std::minstd_rand random(7);
  const auto text_of = [&](std::string_view letters, size_t most) {
    std::string text;
    for (size_t left = random() % (most + 1); left > 0; --left) text += letters[random() % letters.size()];
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = text_of("ab\n", 9);
    const std::string pattern = text_of("ab*?\n", 5);
    for (const bool all : {true, false}) {
      const auto replaced = Replace(text, pattern, "<>", all, nullptr);
      ASSERT_OK(replaced.status());
      ASSERT_EQ(*replaced, ReplaceSlowly(text, pattern, "<>", all)) << "'" << text << "' '" << pattern << "'";
    }
  }
}

// With a walk from each place this took days.
TEST(ShellPattern, ManyStarsInALongTextTakeTimeInProportion) {
  const std::string text(1 << 20, 'a');
  std::string pattern;
  for (int i = 0; i < 20; ++i) pattern += "a*";
  const auto replaced = Replace(text, pattern + "b", "x", true, nullptr);
  ASSERT_OK(replaced.status());
  EXPECT_EQ(*replaced, text);
}

TEST(ShellPattern, CostsTheProductOfTheLengths) {
  Effort enough(40'000);
  ASSERT_OK(Replace(std::string(1000, 'a'), "a*b*c*d", "x", true, &enough).status());
  Effort little(4'000);
  const auto refused = Replace(std::string(1000, 'a'), "a*b*c*d", "x", true, &little);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << refused.status();
  // What was refused once stays so.
  EXPECT_FALSE(WithoutPrefix("a", "a", false, &little).ok());
}

TEST(Effort, ProductsThatDoNotFitAreTooMuch) {
  Effort effort;
  EXPECT_FALSE(effort.Spend(size_t{1} << 62, size_t{1} << 62).ok());
}

TEST(Effort, AStoppedTokenEndsIt) {
  std::stop_source stop;
  Effort effort(100, stop.get_token());
  ASSERT_OK(effort.Spend(1));
  stop.request_stop();
  EXPECT_EQ(effort.Spend(1).code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace crossmill::pattern
