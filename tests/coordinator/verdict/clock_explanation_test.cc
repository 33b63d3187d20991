#include "coordinator/verdict/clock_explanation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace crossmill::verdict {
namespace {

constexpr int64_t kNanos = 1'000'000'000;
constexpr int64_t kDay = 86'400;
// As replicas are shown it.
constexpr int64_t kShift = kDay + 3'661;

// In seconds since 1970, a Thursday.
std::string From(int64_t begin, int64_t end, int64_t shift = 0) {
  const std::string shown = fmt::format("{} {}", (begin + shift) * kNanos, (end + shift) * kNanos);
  return shift == 0 ? shown : fmt::format("{} {} {}", shown, begin * kNanos, end * kNanos);
}

bool Explains(const std::string& alone, const std::string& one, const std::string& other,
              bool may_be_time = true) {
  const std::string_view others[] = {one, other};
  return CanClockExplain(alone, others, may_be_time);
}

TEST(CanClockExplainTest, AloneHasATimeThatTheOthersHaveNot) {
  EXPECT_TRUE(Explains(From(100, 110), From(112, 120), From(113, 121))) << "the others ran side by side";
  EXPECT_FALSE(Explains(From(112, 120), From(100, 110), From(113, 121)));
  EXPECT_FALSE(Explains(From(100, 120), From(102, 120), From(103, 121))) << "all ran side by side";
  EXPECT_FALSE(Explains(From(100, 102), From(110, 112), From(120, 122))) << "after each other";
}

TEST(CanClockExplainTest, AloneSawTheUsualClock) {
  EXPECT_TRUE(Explains(From(100, 120), From(102, 122, kShift), From(102, 122, 2 * kShift)));
  EXPECT_FALSE(Explains(From(102, 122, kShift), From(100, 120), From(102, 122, 2 * kShift)));
}

TEST(CanClockExplainTest, WhatIsNoTimeIsNotExplainedByOne) {
  EXPECT_FALSE(Explains(From(100, 110), From(112, 120), From(113, 121), false));
  EXPECT_FALSE(Explains(From(100, 120), From(102, 122, kShift), From(102, 122, 2 * kShift), false));
}

TEST(CanClockExplainTest, WhatHasNoTimeInItMayStillAskForTheCalendar) {
  // Saturday and Sunday; Friday.
  EXPECT_TRUE(
      Explains(From(kDay, kDay + 9), From(2 * kDay, 2 * kDay + 9), From(3 * kDay, 3 * kDay + 9), false));
  // Friday and Sunday; Saturday.
  EXPECT_FALSE(
      Explains(From(2 * kDay, 2 * kDay + 9), From(kDay, kDay + 9), From(3 * kDay, 3 * kDay + 9), false));
  // In another hour than both of the others.
  EXPECT_TRUE(Explains(From(100, 110), From(4000, 4010), From(5000, 5010), false));
  EXPECT_FALSE(Explains(From(4000, 4010), From(100, 110), From(5000, 5010), false));
}

// `date +%H:%M`, which the others executed after each other within one minute.
TEST(CanClockExplainTest, WhatMayBeATimeMayBeAMinute) {
  EXPECT_TRUE(Explains(From(57, 59), From(61, 62), From(80, 81)));
  EXPECT_FALSE(Explains(From(57, 62), From(61, 62), From(80, 81))) << "it was in that minute, too";
  EXPECT_FALSE(Explains(From(57, 59), From(61, 62), From(80, 81), false)) << "a word, and no time";
  EXPECT_FALSE(Explains(From(61, 62), From(70, 71), From(80, 81))) << "all in one minute";
  EXPECT_FALSE(Explains(From(57, 59), From(61, 62), From(130, 131))) << "the others have none in common";
}

TEST(CanClockExplainTest, WhatIsNotToldCanBeAnything) {
  EXPECT_TRUE(Explains("5 6", "no time", "1 2", false));
  EXPECT_TRUE(Explains("no time", "5 6", "1 2", false));
}

}  // namespace
}  // namespace crossmill::verdict
