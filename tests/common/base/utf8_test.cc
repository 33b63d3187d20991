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

TEST(Utf8Test, PrintableIsOneLineInItsOwnOrder) {
  EXPECT_EQ(Printable("a\nb\tc\r\n"), "a b c? ");
  EXPECT_EQ(Printable("\x1b[31m\x7f\xc2\x9b"), "?[31m??");
  // Marks, overrides and isolates of writing directions, and separators of lines.
  for (const char* bidi : {"\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9",
                           "\xe2\x80\xaa", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9"}) {
    EXPECT_EQ(Printable(std::string("a") + bidi + "b"), "a?b");
  }
  const std::string kept =
      "\xd8\x9b \xe2\x80\x9c\xe2\x80\xa6\xe2\x80\xaf\xe2\x81\xa5\xe2\x82\xac\xc2\xa0 \xc3\x97";
  EXPECT_EQ(Printable(kept), kept);
  EXPECT_EQ(Printable("\xff"), "\xef\xbf\xbd");
  EXPECT_EQ(Printable("\xe2\x80"), "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Utf8Test, TextKeepsItsLinesAndOnColouredTerminalsColoursOnly) {
  EXPECT_EQ(PrintableText("a\r\n\tb\r\xe2\x80\xae\xff", false), "a\r\n\tb??\xef\xbf\xbd");
  EXPECT_EQ(PrintableText("\x1b[31mred\x1b[0m", false), "?[31mred?[0m");
  EXPECT_EQ(PrintableText("\x1b[1;31mred\x1b[0m \x1b[m", true), "\x1b[1;31mred\x1b[0m \x1b[m");
  // Titles, movements, a colour that does not end, a longer one cut short.
  EXPECT_EQ(PrintableText("\x1b]0;t\x07 \x1b[2J \x1b[?25l \x1b[3", true), "?]0;t? ?[2J ?[?25l ?[3");
  EXPECT_EQ(PrintableText("\x1b\x1b[31m", true), "?\x1b[31m");
}

TEST(Utf8Test, JsonKeepsItsValues) {
  EXPECT_EQ(PrintableJson("{\n\t\"a\": \"\\u001b \x7f\xc2\x9b\xe2\x80\xae\xc3\xa9\"}\n"),
            "{\n\t\"a\": \"\\u001b \\u007f\\u009b\\u202e\xc3\xa9\"}\n");
}

TEST(Utf8Test, CutsBetweenCharacters) {
  EXPECT_EQ(CutBetweenCharacters("abc", 3), "abc");
  EXPECT_EQ(CutBetweenCharacters("abcd", 3), "abc");
  EXPECT_EQ(CutBetweenCharacters("ab\xc3\xa9", 3), "ab");
  EXPECT_EQ(CutBetweenCharacters("ab\xe2\x82\xacx", 5), "ab\xe2\x82\xac");
  EXPECT_EQ(CutBetweenCharacters("\xe2\x82\xac", 2), "");
  EXPECT_EQ(CutBetweenCharacters("\x80\x80\x80", 2), "");
}

}  // namespace
}  // namespace crossmill
