#include "common/base/utf8.h"

#include <gtest/gtest.h>

namespace crossmill {
namespace {

TEST(Utf8Test, WellFormedTextStays) {
  const std::string text = "plain, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x90\x8d";
  EXPECT_EQ(ValidUtf8(text), text);
}

TEST(Utf8Test, EachBadByteIsReplaced) {
  EXPECT_EQ(ValidUtf8("a\xff\xfe"), "a\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(ValidUtf8("\xc3"), "\xef\xbf\xbd");
  EXPECT_EQ(ValidUtf8("\xe2\x82x"), "\xef\xbf\xbd\xef\xbf\xbdx");
}

TEST(Utf8Test, OverlongFormsSurrogatesAndTooLargeNumbersAreBad) {
  EXPECT_EQ(ValidUtf8("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(ValidUtf8("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(ValidUtf8("\xf4\x90\x80\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

}  // namespace
}  // namespace crossmill
