#include "common/filter/times.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::filter {
namespace {

// 2026-11-20T14:00:00Z.
constexpr int64_t kAfternoon = 1'795'183'200'000'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;

TEST(TimesTest, SinceIsTheBeginningOfWhatIsSaid) {
  EXPECT_EQ(*ParseSince("", kAfternoon), 0);
  EXPECT_EQ(*ParseSince("0s", kAfternoon), kAfternoon);
  EXPECT_EQ(*ParseSince("2h", kAfternoon), kAfternoon - 7200 * kSecondNs);
  EXPECT_EQ(*ParseSince("2026-11-20", kAfternoon), kAfternoon - 14 * 3600 * kSecondNs);
  EXPECT_EQ(*ParseSince("2026-11-20T14:00:00Z", kAfternoon), kAfternoon);
  EXPECT_EQ(*ParseSince("2026-11-20T14:00+01:00", kAfternoon), kAfternoon - 3600 * kSecondNs);
  // As logs have it.
  EXPECT_EQ(*ParseSince("2026-11-20T13:59:59.25", kAfternoon), kAfternoon - kSecondNs * 3 / 4);
  EXPECT_EQ(*ParseSince("2026-11-20T13:59:59.250Z", kAfternoon), kAfternoon - kSecondNs * 3 / 4);
}

TEST(TimesTest, NothingIsSinceWhatIsStillToCome) {
  for (const std::string_view text : {"2026-11-20T14:01", "2026-11-21", "tomorrow", "-1d", "2026-13-01"})
    EXPECT_EQ(ParseSince(text, kAfternoon).status().code(), absl::StatusCode::kInvalidArgument) << text;
}

TEST(TimesTest, BeforeThereWasTimeIsAll) { EXPECT_EQ(*ParseSince("5000w", kAfternoon), 0); }

}  // namespace
}  // namespace crossmill::filter
