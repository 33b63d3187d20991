#include "coordinator/people/token_text.h"

#include <gtest/gtest.h>

#include <set>

namespace crossmill::coordinator {
namespace {

TEST(TokenTextTest, ANewOneHasTheFormAndNoTwoAreEqual) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string token = NewTokenText();
    EXPECT_EQ(token.size(), 55u) << token;
    EXPECT_TRUE(token.starts_with("cmill_")) << token;
    EXPECT_TRUE(IsTokenText(token)) << token;
    EXPECT_TRUE(seen.insert(token).second) << token;
  }
}

// CRC-32 (zlib's) of 43 zeros is 0x7849568f, which is 2CZclj in base 62: scanners compute the same.
TEST(TokenTextTest, TheEndFollowsFromTheSecret) {
  EXPECT_TRUE(IsTokenText("cmill_" + std::string(43, '0') + "2CZclj"));
  EXPECT_FALSE(IsTokenText("cmill_" + std::string(43, '0') + "2CZclk"));
}

TEST(TokenTextTest, EveryCharacterCounts) {
  const std::string token = NewTokenText();
  for (size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(IsTokenText(other)) << i;
  }
  EXPECT_FALSE(IsTokenText(token + "0"));
  EXPECT_FALSE(IsTokenText(token.substr(0, token.size() - 1)));
  EXPECT_FALSE(IsTokenText(""));
  EXPECT_FALSE(IsTokenText("cmill_"));
}

}  // namespace
}  // namespace crossmill::coordinator
