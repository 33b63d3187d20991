#include "common/base/text.h"

#include <gtest/gtest.h>

namespace crossmill {
namespace {

TEST(TextTest, EncodedForAUrl) {
  EXPECT_EQ(EncodePercent("a b/c:\xc3\xa9~"), "a%20b%2Fc%3A%C3%A9~");
  EXPECT_EQ(EncodePercent("a+b c/\xc3\xa4~", "/"), "a%2Bb%20c/%C3%A4~");
  EXPECT_EQ(EncodePercent(std::string_view("\0%", 2)), "%00%25");
}

TEST(TextTest, DecodingGivesWhatWasEncoded) {
  EXPECT_EQ(DecodePercent(EncodePercent("every % ? # & thing")), "every % ? # & thing");
  EXPECT_EQ(DecodePercent("a%2Bb%2fc%zz%4"), "a+b/c%zz%4");
}

}  // namespace
}  // namespace crossmill
