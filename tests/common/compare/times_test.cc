#include "common/compare/times.h"

#include <gtest/gtest.h>

#include <string>

namespace crossmill::compare {
namespace {

// 2026-11-27 15:04:05 UTC, and 11 days, 1 hour, 2 minutes and 3 seconds later.
constexpr int64_t kFirst = 1795791845;
constexpr int64_t kSecond = kFirst + 11 * 86400 + 3723;
constexpr Interval kFirstRun{kFirst - 2, kFirst + 2};
constexpr Interval kSecondRun{kSecond - 2, kSecond + 2};

// The form of the longest time in both at some place, or nothing.
std::string Form(const std::string& first, const std::string& second) {
  size_t longest = 0;
  std::string words;
  for (size_t at = 0; at < first.size(); ++at) {
    for (const TimeReading& ours : ReadTimes(first, at, kFirstRun)) {
      for (const TimeReading& theirs : ReadTimes(second, at, kSecondRun)) {
        if (ours.form != theirs.form || (ours.fits & theirs.fits).none() || ours.length <= longest) continue;
        longest = ours.length;
        words = std::string(ours.words);
      }
    }
  }
  return words;
}

TEST(TimeFormsTest, FormsInText) {
  EXPECT_EQ(Form("stamp=1795791845", "stamp=1796745968"), "seconds since 1970");
  EXPECT_EQ(Form("1795791845.123456", "1796745968.654321"), "seconds since 1970");
  EXPECT_EQ(Form("1795791845123", "1796745968123"), "milliseconds since 1970");
  EXPECT_EQ(Form("built 2026-11-27T15:04:05Z", "built 2026-12-08T16:06:08Z"), "date and time");
  EXPECT_EQ(Form("built 2026-11-27 15:04", "built 2026-12-08 16:06"), "date and time");
  EXPECT_EQ(Form("v20261127", "v20261208"), "date");
  EXPECT_EQ(Form("20261127150405", "20261208160608"), "date and time");
  EXPECT_EQ(Form("Fri Nov 27 15:04:05 UTC 2026", "Tue Dec  8 16:06:08 UTC 2026"), "date and time");
  EXPECT_EQ(Form("Nov 27 2026", "Dec  8 2026"), "date");
  EXPECT_EQ(Form("Fri, 27 Nov 2026 15:04:05 +0000", "Tue, 08 Dec 2026 16:06:08 +0000"), "date and time");
  EXPECT_EQ(Form("27 November 2026", "8 December 2026"), "date");
  EXPECT_EQ(Form("at 15:04:05", "at 16:06:08"), "time of day");
  EXPECT_EQ(Form("root:*:20784:0:99999:7:::", "root:*:20795:0:99999:7:::"), "days since 1970");
  EXPECT_EQ(Form("0x6b099be5", "0x6b182af0"), "seconds since 1970, in hex");
}

TEST(TimeFormsTest, LocalTimesOfOneZone) {
  EXPECT_EQ(Form("2026-11-27 16:04:05", "2026-12-08 17:06:08"), "date and time") << "one hour east";
  EXPECT_EQ(Form("2026-11-27 16:04:05", "2026-12-08 16:06:08"), "date") << "two zones: only the days fit";
}

TEST(TimeFormsTest, WhatIsNotOfTheSidesOwnExecutionIsNoTimeOfIt) {
  EXPECT_EQ(Form("1796745968", "1795791845"), "") << "each has the other's";
  EXPECT_EQ(Form("1700000000", "1700000001"), "");
  EXPECT_EQ(Form("2020-01-01", "2020-01-02"), "");
}

TEST(TimeFormsTest, CountedTimes) {
  EXPECT_EQ(CountedTime(kFirst, kFirstRun), "seconds since 1970");
  EXPECT_EQ(CountedTime(kFirst * 1000 + 5, kFirstRun), "milliseconds since 1970");
  EXPECT_EQ(CountedTime(kFirst * 1'000'000'000ull, kFirstRun), "nanoseconds since 1970");
  EXPECT_EQ(CountedTime(kSecond, kFirstRun), "");
  EXPECT_EQ(CountedTime(~uint64_t{0}, kFirstRun), "");
}

}  // namespace
}  // namespace crossmill::compare
