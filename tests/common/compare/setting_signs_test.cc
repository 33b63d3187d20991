// Causes that are carried by what executions were given by a wish, and what only looks like one.
#include <gtest/gtest.h>

#include <string>

#include "common/compare/classifier.h"
#include "common/compare/file_comparison.h"

namespace crossmill::compare {
namespace {

// 2026-11-27 15:04:05 UTC and an hour and a day later.
constexpr int64_t kUsualClock = 1795791845;
constexpr int64_t kGivenClock = kUsualClock + 90000;

ExecutionFacts Plain(const char* worker, int64_t begin) {
  ExecutionFacts facts;
  facts.worker = facts.host_name = worker;
  facts.begin = begin * 1'000'000'000;
  facts.end = (begin + 10) * 1'000'000'000;
  facts.time_zone = facts.locale = facts.variable = facts.search_path = facts.process_ids = kUsual;
  return facts;
}

// A replica that was given all of them.
ExecutionFacts Given() {
  ExecutionFacts facts = Plain("w2", kGivenClock);
  facts.time_zone = "TZ=<+14>-14";
  facts.locale = "LANG=C.UTF-8";
  facts.variable = "CROSSMILL_VARIATION=1";
  facts.search_path = "PATH=...:/nonexistent/crossmill-1";
  facts.process_ids = "after 1003";
  return facts;
}

v1::FileDifference Classified(const std::string& first, const std::string& second, ExecutionFacts other) {
  StringContent a(first), b(second);
  DifferingParts parts;
  auto file = CompareContents("f", a, b, {}, {}, &parts);
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return {};
  Classifier(Plain("w1", kUsualClock), std::move(other), {}).Classify(parts, &*file);
  return *std::move(file);
}

// The classes of all that differs, each once.
std::string Causes(const std::string& first, const std::string& second, ExecutionFacts other = Given()) {
  std::string all;
  const v1::FileDifference file = Classified(first, second, std::move(other));
  for (const auto& each : file.differences()) {
    const std::string& word = each.cause().class_();
    if (all.find(word) == std::string::npos) all += (all.empty() ? "" : ",") + word;
  }
  return all;
}

TEST(SettingSignsTest, OneTimeInTwoZones) {
  EXPECT_EQ(Causes("Thu Jan  1 00:00:00 UTC 1970\n", "Thu Jan  1 14:00:00 +14 1970\n"), "locale");
  EXPECT_EQ(Causes("made 2001-09-09 01:46:40\n", "made 2001-09-09 15:46:40\n"), "locale");
  EXPECT_EQ(Causes("2001-09-09T01:46:40Z\n", "2001-09-09T15:46:40+14:00\n"), "locale");
  EXPECT_EQ(Causes("at 01:46:40 sharp\n", "at 15:46:40 sharp\n"), "locale");
  EXPECT_EQ(Causes("-rw-r--r-- 1 root 5 Mar  4 17:06 old\n", "-rw-r--r-- 1 root 5 Mar  5 07:06 old\n"),
            "locale");
  ExecutionFacts west = Given();
  west.time_zone = "TZ=<-12>12";
  EXPECT_EQ(Causes("Thu Jan  1 00:00:00 UTC 1970\n", "Wed Dec 31 12:00:00 -12 1969\n", west), "locale");
  const auto file = Classified("Thu Jan  1 00:00:00 UTC 1970\n", "Thu Jan  1 14:00:00 +14 1970\n", Given());
  const v1::Cause& cause = file.differences(0).cause();
  EXPECT_EQ(cause.confidence(), v1::Cause::CONFIDENCE_CERTAIN);
  EXPECT_EQ(cause.evidence(),
            "it is one time in two time zones (that of the step and TZ=<+14>-14): Thu Jan  1 00:00:00 UTC "
            "1970 on w1, Thu Jan  1 14:00:00 +14 1970 on w2");
  ASSERT_EQ(cause.remedy_lines_size(), 1);
  EXPECT_EQ(cause.remedy_lines(0), "ENV LC_ALL=C.UTF-8 TZ=UTC");
}

TEST(SettingSignsTest, TheClockIsTheClockInAnyZone) {
  // Each in its own zone, and within its own execution.
  EXPECT_EQ(Causes("Fri Nov 27 15:04:06 UTC 2026\n", "Sun Nov 29 06:04:06 +14 2026\n"), "embedded-time");
  EXPECT_EQ(Causes("2026-11-27 15:04:06\n", "2026-11-29 06:04:07\n"), "embedded-time");
  EXPECT_EQ(Causes("2026-11-27\n", "2026-11-29\n"), "embedded-time");
  // Of a program that reads no TZ.
  EXPECT_EQ(Causes("2026-11-27\n", "2026-11-28\n"), "embedded-time");
  // The day there, in no zone that anybody was given.
  EXPECT_EQ(Causes("2026-11-27\n", "2026-11-30\n"), "unknown");
}

TEST(SettingSignsTest, TimesThatOnlyLookLikeZones) {
  // As far apart as no two zones that were given.
  EXPECT_EQ(Causes("2001-09-09 01:46:40\n", "2001-09-09 14:46:40\n"), "unknown");
  EXPECT_EQ(Causes("2001-09-09T01:46:40Z\n", "2001-09-09T14:46:40+13:00\n"), "unknown");
  // Two instants.
  EXPECT_EQ(Causes("2001-09-09T01:46:40Z\n", "2001-09-09T15:46:41+14:00\n"), "unknown");
  // Nobody was given another zone.
  ExecutionFacts same = Given();
  same.time_zone = kUsual;
  EXPECT_EQ(Causes("Thu Jan  1 00:00:00 UTC 1970\n", "Thu Jan  1 14:00:00 +14 1970\n", same), "unknown");
  same.time_zone = "";
  EXPECT_EQ(Causes("2001-09-09 01:46:40\n", "2001-09-09 15:46:40\n", same), "unknown");
  same.time_zone = "TZ=Europe/Berlin";
  EXPECT_EQ(Causes("2001-09-09 01:46:40\n", "2001-09-09 15:46:40\n", same), "unknown");
}

TEST(SettingSignsTest, TheZoneItself) {
  EXPECT_EQ(Causes("zone UTC\n", "zone +14\n"), "locale");
  EXPECT_EQ(Causes("+0000\n", "+1400\n"), "locale");
  EXPECT_EQ(Causes("TZ=\n", "TZ=<+14>-14\n"), "locale");
  EXPECT_EQ(Causes("timezone: 0\n", "timezone: -50400\n"), "locale");
  EXPECT_EQ(Causes("a\n", "a\nTZ=<+14>-14\n"), "locale");
  EXPECT_EQ(Causes("zone CET\n", "zone +14\n"), "unknown");
  EXPECT_EQ(Causes("zone UTC\n", "zone +13\n"), "unknown");
  EXPECT_EQ(Causes("0\n", "14\n"), "unknown");
  // Both sides have the words, and differ elsewhere.
  EXPECT_EQ(Causes("UTC and +14: apples\n", "UTC and +14: pears\n"), "unknown");
}

TEST(SettingSignsTest, TheLocale) {
  EXPECT_EQ(Causes("A\nB\na\nb\n\n", "A\nB\na\nb\nC.UTF-8\n"), "locale");
  EXPECT_EQ(Causes("LANG=\nLC_CTYPE=\"POSIX\"\n", "LANG=C.UTF-8\nLC_CTYPE=\"C.UTF-8\"\n"), "locale");
  EXPECT_EQ(Causes("charset ANSI_X3.4-1968\n", "charset UTF-8\n"), "locale");
  EXPECT_EQ(Causes("a\nb\n", "a\nLANG=C.UTF-8\nb\n"), "locale");
  EXPECT_EQ(Causes("no file 'x'\n", "no file \u2018x\u2019\n"), "locale");
  EXPECT_EQ(Causes("name caf\\303\\251\n", "name caf\u00e9\n"), "locale");
  EXPECT_EQ(Causes("name caf??\n", "name caf\u00e9\n"), "locale");
}

TEST(SettingSignsTest, WhatOnlyLooksLikeALocale) {
  // The first has a locale that nobody gave it.
  EXPECT_EQ(Causes("lang en_US.UTF-8\n", "lang C.UTF-8\n"), "unknown");
  // Not what the second was given.
  EXPECT_EQ(Causes("lang \n", "lang et_EE.UTF-8\n"), "unknown");
  EXPECT_EQ(Causes("lang C.UTF-8 a\n", "lang C.UTF-8 b\n"), "unknown");
  EXPECT_EQ(Causes("name caf\\303\\250\n", "name caf\u00e9\n"), "unknown");
  EXPECT_EQ(Causes("name caf???\n", "name caf\u00e9\n"), "unknown");
  EXPECT_EQ(Causes("lang xC\n", "lang xC.UTF-8\n"), "unknown");
  // The other way round: the first has what only the second was given.
  EXPECT_EQ(Causes("lang C.UTF-8\n", "lang POSIX\n"), "unknown");
  ExecutionFacts same = Given();
  same.locale = kUsual;
  EXPECT_EQ(Causes("charset ANSI_X3.4-1968\n", "charset UTF-8\n", same), "unknown");
  EXPECT_EQ(Causes("no file 'x'\n", "no file \u2018x\u2019\n", same), "unknown");
}

TEST(SettingSignsTest, AVariableMore) {
  EXPECT_EQ(Causes("HOME=/root\nPWD=/\n", "HOME=/root\nPWD=/\nCROSSMILL_VARIATION=1\n"), "environment");
  EXPECT_EQ(
      Causes("export A='1'\nexport D='2'\n", "export A='1'\nexport CROSSMILL_VARIATION='1'\nexport D='2'\n"),
      "environment");
  EXPECT_EQ(Causes("declare -x A=\"1\"\n", "declare -x A=\"1\"\ndeclare -x CROSSMILL_VARIATION=\"1\"\n"),
            "environment");
  EXPECT_EQ(Causes("{'A': '1', 'Z': '2'}\n", "{'A': '1', 'CROSSMILL_VARIATION': '1', 'Z': '2'}\n"),
            "environment");
  EXPECT_EQ(Causes("{\n \"A\": \"1\",\n \"Z\": \"2\"\n}\n",
                   "{\n \"A\": \"1\",\n \"CROSSMILL_VARIATION\": \"1\",\n \"Z\": \"2\"\n}\n"),
            "environment");
  // It goes on as it begins.
  EXPECT_EQ(Causes("A=1 CC=gcc\n", "A=1 CROSSMILL_VARIATION=1 CC=gcc\n"), "environment");
  // Another value, another name, and something more.
  EXPECT_EQ(Causes("A=1\n", "A=1\nCROSSMILL_VARIATION=11\n"), "unknown");
  EXPECT_EQ(Causes("A=1\n", "A=1\nMY_CROSSMILL_VARIATION=1\n"), "unknown");
  EXPECT_EQ(Causes("A=1\n", "A=1\nCROSSMILL_VARIATION=1 and more\n"), "unknown");
  EXPECT_EQ(Causes("CROSSMILL_VARIATION=1 a\n", "CROSSMILL_VARIATION=1 b\n"), "unknown");
}

TEST(SettingSignsTest, AFolderMoreInPath) {
  EXPECT_EQ(Causes("PATH=/usr/bin:/bin\n", "PATH=/usr/bin:/bin:/nonexistent/crossmill-1\n"), "search-path");
  EXPECT_EQ(Causes("['/usr/bin', '/bin']\n", "['/usr/bin', '/bin', '/nonexistent/crossmill-1']\n"),
            "search-path");
  EXPECT_EQ(Causes("PATH=/bin\n", "PATH=/bin:/nonexistent/crossmill-12\n"), "unknown");
  EXPECT_EQ(Causes("PATH=/bin\n", "PATH=/bin:/usr/bin\n"), "unknown");
}

TEST(SettingSignsTest, ProcessesBehindWhereIdsBegan) {
  EXPECT_EQ(Causes("7\n", "1009\n"), "process-id");
  EXPECT_EQ(Causes("worker 12 is up\n", "worker 1014 is up\n"), "process-id");
  EXPECT_EQ(Causes("7\n", "1090\n"), "unknown");
  EXPECT_EQ(Causes("700\n", "900\n"), "unknown");
  ExecutionFacts same = Given();
  same.process_ids = kUsual;
  EXPECT_EQ(Causes("7\n", "1009\n", same), "unknown");
}

TEST(SettingSignsTest, EachSettingIsReadFromTheRecord) {
  v1::Witness witness;
  const auto tell = [&](v1::Aspect aspect, const char* value) {
    v1::Circumstance& each = *witness.add_circumstances();
    each.set_aspect(aspect);
    each.set_value(value);
  };
  tell(v1::ASPECT_TIME_ZONE, "TZ=<+14>-14");
  tell(v1::ASPECT_LOCALE, "usual");
  tell(v1::ASPECT_ENVIRONMENT, "CROSSMILL_VARIATION=1");
  tell(v1::ASPECT_SEARCH_PATH, "PATH=...:/nonexistent/crossmill-1");
  tell(v1::ASPECT_PROCESS_IDS, "after 1003");
  const ExecutionFacts facts = FactsOf(witness);
  EXPECT_EQ(facts.time_zone, "TZ=<+14>-14");
  EXPECT_EQ(facts.locale, kUsual);
  EXPECT_EQ(facts.variable, "CROSSMILL_VARIATION=1");
  EXPECT_EQ(facts.search_path, "PATH=...:/nonexistent/crossmill-1");
  EXPECT_EQ(facts.process_ids, "after 1003");
}

}  // namespace
}  // namespace crossmill::compare
