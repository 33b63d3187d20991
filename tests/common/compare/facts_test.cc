#include "common/compare/facts.h"

#include <gtest/gtest.h>

namespace crossmill::compare {
namespace {

ExecutionFacts FactsWithClock(const char* value) {
  v1::Witness witness;
  v1::Circumstance& told = *witness.add_circumstances();
  told.set_aspect(v1::ASPECT_CLOCK);
  told.set_value(value);
  return FactsOf(witness);
}

TEST(FactsTest, AClockIsTheOneThatProgramsWereShownAndTheRealOne) {
  const ExecutionFacts plain = FactsWithClock("5 6");
  EXPECT_EQ(plain.begin, 5);
  EXPECT_EQ(plain.end, 6);
  EXPECT_EQ(plain.real_begin, 5);
  EXPECT_EQ(plain.real_end, 6);
  const ExecutionFacts shifted = FactsWithClock("95 96 5 6");
  EXPECT_EQ(shifted.begin, 95);
  EXPECT_EQ(shifted.end, 96);
  EXPECT_EQ(shifted.real_begin, 5);
  EXPECT_EQ(shifted.real_end, 6);
}

TEST(FactsTest, WhatIsNoClockIsNotKnown) {
  for (const char* lie : {"", "5", "5 6 7", "5 6 7 8 9", "6 5", "0 1", "5 6 8 7", "x y"}) {
    EXPECT_EQ(FactsWithClock(lie).begin, 0) << lie;
    EXPECT_EQ(FactsWithClock(lie).real_end, 0) << lie;
  }
}

}  // namespace
}  // namespace crossmill::compare
