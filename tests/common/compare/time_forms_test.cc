#include "common/compare/time_forms.h"

#include <gtest/gtest.h>

#include <string>

namespace crossmill::compare {
namespace {

// 2026-11-27 15:04:05 UTC, and 11 days, 1 hour, 2 minutes and 3 seconds later.
constexpr int64_t kFirst = 1795791845;
constexpr int64_t kSecond = kFirst + 11 * 86400 + 3723;
constexpr ClockSeconds kFirstClock{kFirst - 2, kFirst + 2};
constexpr ClockSeconds kSecondClock{kSecond - 2, kSecond + 2};

// The form, or nothing.
std::string Form(const std::string& first, const std::string& second) {
  const auto time = FindTimeInText(first, second, kFirstClock, kSecondClock);
  return time ? std::string(time->form) : "";
}

TEST(TimeFormsTest, FormsInText) {
  EXPECT_EQ(Form("stamp=1795791845", "stamp=1796745968"), "seconds since 1970");
  EXPECT_EQ(Form("1795791845.123456", "1796745968.654321"), "seconds since 1970");
  EXPECT_EQ(Form("1795791845123", "1796745968123"), "seconds since 1970");
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
  EXPECT_EQ(Form("0x6b099be5", "0x6b182af0"), "seconds since 1970");
}

TEST(TimeFormsTest, LocalTimesOfOneZone) {
  EXPECT_EQ(Form("2026-11-27 16:04:05", "2026-12-08 17:06:08"), "date and time") << "one hour east";
  EXPECT_EQ(Form("2026-11-27 16:04:05", "2026-12-08 16:06:08"), "") << "two zones";
}

TEST(TimeFormsTest, WhatIsNotOfTheSidesOwnExecutionIsNoTimeOfIt) {
  EXPECT_EQ(Form("1796745968", "1795791845"), "") << "each has the other's";
  EXPECT_EQ(Form("1700000000", "1700000001"), "");
  EXPECT_EQ(Form("2020-01-01", "2020-01-02"), "");
  EXPECT_EQ(Form("20784", "20784"), "") << "it is not what differs";
  EXPECT_EQ(Form("1795791845 a", "1795791845 b"), "");
}

TEST(TimeFormsTest, NumbersInBytes) {
  const auto little = [](int64_t value, int size) {
    std::string bytes;
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
  };
  const auto big = [&](int64_t value, int size) {
    const std::string bytes = little(value, size);
    return std::string(bytes.rbegin(), bytes.rend());
  };
  const std::string before(5, '\x7f');
  const auto found = [&](const std::string& first, const std::string& second) {
    return FindTimeInBytes(before + first + before, before + second + before, kFirstClock, kSecondClock)
        .has_value();
  };
  EXPECT_TRUE(found(little(kFirst, 4), little(kSecond, 4)));
  EXPECT_TRUE(found(big(kFirst, 4), big(kSecond, 4)));
  EXPECT_TRUE(found(little(kFirst, 8), little(kSecond, 8)));
  EXPECT_TRUE(found(big(kFirst * 1'000'000'000, 8), big(kSecond * 1'000'000'000, 8)));
  EXPECT_FALSE(found(little(kSecond, 4), little(kFirst, 4)));
  EXPECT_FALSE(found(little(7, 4), little(8, 4)));
  EXPECT_FALSE(FindTimeInBytes("a", "b", kFirstClock, kSecondClock).has_value()) << "too short for a number";
}

}  // namespace
}  // namespace crossmill::compare
