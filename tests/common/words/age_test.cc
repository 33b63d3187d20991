#include "common/words/age.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

TEST(AgeTest, ANumberAndAUnit) {
  EXPECT_EQ(*ParseAge("90s"), absl::Seconds(90));
  EXPECT_EQ(*ParseAge("30m"), absl::Minutes(30));
  EXPECT_EQ(*ParseAge("12h"), absl::Hours(12));
  EXPECT_EQ(*ParseAge("7d"), absl::Hours(24 * 7));
  EXPECT_EQ(*ParseAge("4w"), absl::Hours(24 * 28));
  EXPECT_EQ(*ParseAge("0s"), absl::ZeroDuration());
}

TEST(AgeTest, AnythingElseIsRefused) {
  for (const char* text : {"", "7", "d", "-1d", "7 d", "7days", "1.5h", "99999999999999999999w", "9999999w"})
    EXPECT_TRUE(absl::IsInvalidArgument(ParseAge(text).status())) << text;
}

}  // namespace
}  // namespace crossmill
