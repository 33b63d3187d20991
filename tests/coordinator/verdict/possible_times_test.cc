#include "coordinator/verdict/possible_times.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "coordinator/verdict/outvoted.h"

namespace crossmill::verdict {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
// 2026-11-06 00:00 UTC, a Friday: day 310 of the year, in its week 45.
constexpr int64_t kSomeFriday = 1793923200;
// As the first replica is shown the clock.
constexpr int64_t kFirstShift = 90'061;

// From second to second of that day.
std::string Clock(int64_t begin, int64_t end, int64_t shift = 0) {
  const int64_t from = (kSomeFriday + begin) * kNanosPerSecond, to = (kSomeFriday + end) * kNanosPerSecond;
  if (shift == 0) return fmt::format("{} {}", from, to);
  return fmt::format("{} {} {} {}", from + shift * kNanosPerSecond, to + shift * kNanosPerSecond, from, to);
}

v1::Witness WitnessAt(const std::string& name, const std::string& layer, const std::string& clock) {
  v1::Witness witness;
  witness.set_worker(name);
  witness.set_host_id(name);
  witness.mutable_layer()->mutable_tar()->set_hash(layer);
  v1::Circumstance& told = *witness.add_circumstances();
  told.set_aspect(v1::ASPECT_CLOCK);
  told.set_value(clock);
  return witness;
}

// The first alone; the others after it and side by side, without a shift.
std::vector<v1::Witness> SideBySide(int64_t begin = 43'258, int64_t others = 43'261) {
  return {WitnessAt("w1", "a", Clock(begin, begin + 1)), WitnessAt("w2", "b", Clock(others, others + 1)),
          WitnessAt("w3", "b", Clock(others, others + 1))};
}

v1::CauseGroup Group(const std::string& word) {
  v1::CauseGroup group;
  group.mutable_cause()->set_class_(word);
  group.set_paths_total(1);
  return group;
}

v1::CauseGroup Unknown(const std::string& first, const std::string& second) {
  v1::CauseGroup group = Group("unknown");
  group.mutable_example()->set_first(first);
  group.mutable_example()->set_second(second);
  return group;
}

bool MayBe(const v1::CauseGroup& group, const std::vector<v1::Witness>& witnesses = SideBySide()) {
  return MayBeTime({group}, "", witnesses);
}

// Who is marked.
std::string OutvotedFor(const v1::CauseGroup& group, std::vector<v1::Witness> witnesses) {
  MarkOutvoted(false, MayBe(group, witnesses), &witnesses);
  std::string names;
  for (const v1::Witness& witness : witnesses) names += witness.outvoted() ? witness.worker() : "";
  return names;
}

TEST(MayBeTimeTest, WhereNothingIsKnownAllMayBe) {
  EXPECT_TRUE(MayBeTime({}, "", {}));
  const std::vector<v1::CauseGroup> causes = {Group("host-name")};
  EXPECT_FALSE(MayBeTime(causes, "", {}));
  EXPECT_TRUE(MayBeTime(causes, "not all was looked at", {}));
  EXPECT_TRUE(MayBeTime({Group("host-name"), Group("embedded-time")}, "", {}));
}

TEST(MayBeTimeTest, OnlySomeClassesExcludeIt) {
  for (const char* word : {"host-name", "kernel", "cpu-model", "processors", "process-id", "member-owner"})
    EXPECT_FALSE(MayBe(Group(word))) << word;
  for (const char* word : {"embedded-time", "archive-time", "random", "order", "duration", "pyc-body"})
    EXPECT_TRUE(MayBe(Group(word))) << word;
}

// `date +%s | sha256sum`, whole, cut, packed, or in a line with other words.
TEST(MayBeTimeTest, OpaqueBytesCanBeMadeOfATime) {
  EXPECT_TRUE(MayBe(Unknown("91a3", "0c2f")));
  EXPECT_TRUE(MayBe(Unknown("id 7f3a9c0e of x", "id 11d0b2f4 of y")));
  EXPECT_TRUE(MayBe(Unknown("deadbeef", "facefeed")));
  EXPECT_TRUE(MayBe(Unknown("29898720", "29898721"))) << "minutes since 1970";
  EXPECT_TRUE(MayBe(Unknown(std::string("\x07\x01", 2), std::string("\x07\x02", 2))));
  EXPECT_TRUE(MayBe(Unknown("caf\xc3\xa9", "cafe")));
  EXPECT_TRUE(MayBe(Unknown(". . -", "- . .")));
}

TEST(MayBeTimeTest, PlainWordsAndNumbersAreNone) {
  EXPECT_FALSE(MayBe(Unknown("42\n", "43\n")));
  EXPECT_FALSE(MayBe(Unknown("work", "play")));
  EXPECT_FALSE(MayBe(Unknown("a long line\n", "a line\n")));
  EXPECT_FALSE(MayBe(Unknown("v2", "v3")));
}

TEST(MayBeTimeTest, WhatIsNotShownMayBe) {
  EXPECT_TRUE(MayBe(Group("unknown"))) << "a name, or a file of one side alone";
  EXPECT_TRUE(MayBe(Unknown("work", "")));
  EXPECT_TRUE(MayBe(Unknown("work " + std::string(251, ' '), "play"))) << "it is cut";
  v1::CauseGroup two = Unknown("work", "play");
  two.set_paths_total(2);
  EXPECT_TRUE(MayBe(two));
}

// `date +%M`, across a boundary: 12:00:58 and 12:01:01.
TEST(MayBeTimeTest, SmallNumbersThatAreAPartOfEachSidesTime) {
  EXPECT_TRUE(MayBe(Unknown("00\n", "01\n")));
  EXPECT_FALSE(MayBe(Unknown("01\n", "00\n"))) << "the other way round";
  EXPECT_FALSE(MayBe(Unknown("00\n", "02\n")));
  EXPECT_TRUE(MayBe(Unknown("1200", "1201")));
  EXPECT_TRUE(MayBe(Unknown("59", "02"))) << "seconds";
  EXPECT_TRUE(MayBe(Unknown("at 12:00", "at 12:01")));
  // Each of the others has it.
  std::vector<v1::Witness> apart = SideBySide();
  apart[2] = WitnessAt("w3", "b", Clock(43'321, 43'322));
  EXPECT_FALSE(MayBe(Unknown("00", "01"), apart));
  apart[2].clear_circumstances();
  EXPECT_TRUE(MayBe(Unknown("00", "01"), apart)) << "its clock is not told";
  // As one is shown the clock, or as it is: a day, an hour, a minute and a second later.
  apart[1] = apart[2] = WitnessAt("w2", "b", Clock(43'261, 43'262, kFirstShift));
  EXPECT_TRUE(MayBe(Unknown("310", "311"), apart));
  EXPECT_TRUE(MayBe(Unknown("12", "13"), apart));
  EXPECT_TRUE(MayBe(Unknown("00", "01"), apart));
  EXPECT_TRUE(MayBe(Unknown("00", "02"), apart));
  EXPECT_FALSE(MayBe(Unknown("00", "03"), apart));
}

TEST(MayBeTimeTest, AStepThatRanForHoursHadEachMinute) {
  std::vector<v1::Witness> witnesses = SideBySide();
  witnesses[1] = witnesses[2] = WitnessAt("w2", "b", Clock(43'261, 43'261 + 7200));
  EXPECT_TRUE(MayBe(Unknown("00", "42"), witnesses));
}

TEST(MayBeTimeTest, HonestWorkersAreNotOutvotedForTheTime) {
  EXPECT_EQ(OutvotedFor(Group("random"), SideBySide()), "");
  EXPECT_EQ(OutvotedFor(Unknown("91a3", "0c2f"), SideBySide()), "");
  EXPECT_EQ(OutvotedFor(Unknown("00", "01"), SideBySide()), "");
  // After each other, in one minute.
  std::vector<v1::Witness> after = SideBySide();
  after[2] = WitnessAt("w3", "b", Clock(43'280, 43'281));
  EXPECT_EQ(OutvotedFor(Unknown("00", "01"), after), "");
}

TEST(MayBeTimeTest, WhoLiesInPlainWordsIsOutvotedAsTheFirstToo) {
  EXPECT_EQ(OutvotedFor(Unknown("43", "42"), SideBySide()), "w1");
  // On Monday, and as the replicas are shown it Tuesday and Wednesday, each at another hour.
  constexpr int64_t kMonday = 3 * 86'400 + 43'200;
  std::vector<v1::Witness> shifted = SideBySide(kMonday, kMonday + 3);
  shifted[1] = WitnessAt("w2", "b", Clock(kMonday + 3, kMonday + 4, kFirstShift));
  shifted[2] = WitnessAt("w3", "b", Clock(kMonday + 3, kMonday + 4, 2 * kFirstShift));
  EXPECT_EQ(OutvotedFor(Unknown("43", "42"), shifted), "w1");
  EXPECT_EQ(OutvotedFor(Group("random"), shifted), "") << "static programs have one second";
  // A replica that lies: the others have no time in common.
  std::vector<v1::Witness> replica = SideBySide();
  replica[0].mutable_layer()->mutable_tar()->set_hash("b");
  replica[1].mutable_layer()->mutable_tar()->set_hash("a");
  EXPECT_EQ(OutvotedFor(Group("random"), replica), "w2");
}

}  // namespace
}  // namespace crossmill::verdict
