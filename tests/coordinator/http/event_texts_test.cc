#include "coordinator/http/streams/event_texts.h"

#include <gtest/gtest.h>

namespace crossmill::coordinator::door {
namespace {

class EventTextsTest : public ::testing::Test {
 protected:
  std::string Of(int64_t build, int64_t number, const std::string& text) {
    return *texts_.Of(build, number, [&] {
      ++made_;
      return text;
    });
  }
  EventTexts texts_{100};
  int made_ = 0;
};

TEST_F(EventTextsTest, AnEventIsMadeOnceForAll) {
  EXPECT_EQ(Of(1, 1, "one"), "one");
  EXPECT_EQ(Of(1, 1, "another"), "one");
  EXPECT_EQ(made_, 1);
  EXPECT_EQ(Of(1, 2, "two"), "two");
  EXPECT_EQ(Of(2, 1, "of another build"), "of another build");
  EXPECT_EQ(made_, 3);
}

TEST_F(EventTextsTest, TheOldestGoAndNothingIsKeptForever) {
  for (int64_t number = 1; number <= 1000; ++number) {
    Of(1, number, std::string(30, 'x'));
    EXPECT_LE(texts_.bytes(), 100u);
  }
  made_ = 0;
  Of(1, 1000, "");
  Of(1, 998, "");
  EXPECT_EQ(made_, 0);
  Of(1, 997, "y");
  EXPECT_EQ(made_, 1);
  const auto large = texts_.Of(1, 5, [] { return std::string(500, 'x'); });
  EXPECT_EQ(large->size(), 500u) << "it is given, though it is not kept";
  EXPECT_EQ(texts_.bytes(), 0u);
}

TEST_F(EventTextsTest, WhatCannotBeMadeIsTriedAgain) {
  EXPECT_EQ(Of(1, 1, ""), "");
  EXPECT_EQ(Of(1, 1, "now"), "now");
}

}  // namespace
}  // namespace crossmill::coordinator::door
