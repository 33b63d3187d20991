#include "common/words/told_clock.h"

#include <gtest/gtest.h>

namespace crossmill {
namespace {

TEST(ToldClockTest, WhatIsToldIsRead) {
  EXPECT_EQ(FormatToldClock({10, 20}, 0), "10 20");
  const auto plain = ParseToldClock("10 20");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->shown, (ClockInterval{10, 20}));
  EXPECT_EQ(plain->real, plain->shown);
  EXPECT_FALSE(plain->tells_real);
  const auto shifted = ParseToldClock(FormatToldClock({10, 20}, 100));
  ASSERT_TRUE(shifted.has_value());
  EXPECT_EQ(shifted->shown, (ClockInterval{110, 120}));
  EXPECT_EQ(shifted->real, (ClockInterval{10, 20}));
  EXPECT_TRUE(shifted->tells_real);
}

TEST(ToldClockTest, NothingElseIsATime) {
  for (const char* text : {"", "1", "1 2 3", "1 2 3 4 5", "2 1", "1 2 4 3", "-1 2", "a b", "1  2"}) {
    EXPECT_FALSE(ParseToldClock(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace crossmill
