#include "common/compare/classifier.h"

#include <gtest/gtest.h>

#include <string>

#include "common/compare/file_comparison.h"

namespace crossmill::compare {
namespace {

// 2026-11-27 15:04:05 UTC and an hour and a day later.
constexpr int64_t kFirstClock = 1795791845;
constexpr int64_t kSecondClock = kFirstClock + 90000;

ExecutionFacts FirstFacts() {
  return {.worker = "w1",
          .host_name = "crossmill",
          .machine_name = "builder-a",
          .kernel = "6.1.0-18-arm64",
          .cpu_model = "Neoverse-N1",
          .processors = "4",
          .begin = kFirstClock * 1'000'000'000,
          .end = (kFirstClock + 10) * 1'000'000'000};
}

ExecutionFacts SecondFacts() {
  return {.worker = "w2",
          .host_name = "another-host",
          .machine_name = "builder-b",
          .kernel = "6.6.9",
          .cpu_model = "Cortex-A72",
          .processors = "3",
          .begin = kSecondClock * 1'000'000'000,
          .end = (kSecondClock + 10) * 1'000'000'000};
}

v1::FileDifference CompareTexts(std::string first, std::string second) {
  StringContent a(std::move(first));
  StringContent b(std::move(second));
  DifferingParts parts;
  auto result = CompareContents("f", a, b, {}, {}, &parts);
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return {};
  Classifier(FirstFacts(), SecondFacts(), {}).Classify(parts, &*result);
  return *std::move(result);
}

std::string ClassOf(const std::string& first, const std::string& second) {
  const auto file = CompareTexts(first, second);
  return file.differences_size() == 1 ? file.differences(0).cause().class_()
                                      : "differences: " + std::to_string(file.differences_size());
}

TEST(ClassifierTest, SaysTheLineAndBothTimes) {
  const auto file = CompareTexts("a\nbuilt 1795791846\nc\n", "a\nbuilt 1795881846\nc\n");
  ASSERT_EQ(file.differences_size(), 1);
  EXPECT_EQ(file.format(), "text");
  const auto& difference = file.differences(0);
  EXPECT_EQ(difference.place(), "line 2");
  EXPECT_EQ(difference.first(), "built 1795791846");
  EXPECT_EQ(difference.first_offset(), 2);
  EXPECT_EQ(difference.cause().class_(), "embedded-time");
  EXPECT_EQ(difference.cause().confidence(), v1::Cause::CONFIDENCE_CERTAIN);
  EXPECT_EQ(difference.cause().evidence(),
            "it is the clock's time (seconds since 1970): 1795791846 on w1, 1795881846 on w2");
}

TEST(ClassifierTest, TimesInManyForms) {
  EXPECT_EQ(ClassOf("Fri Nov 27 15:04:06 UTC 2026\n", "Sat Nov 28 16:04:06 UTC 2026\n"), "embedded-time");
  EXPECT_EQ(ClassOf("2026-11-27T15:04:06Z\n", "2026-11-28T16:04:07Z\n"), "embedded-time");
  EXPECT_EQ(ClassOf("2026-11-27 15:04\n", "2026-11-28 16:04\n"), "embedded-time");
  EXPECT_EQ(ClassOf("20261127\n", "20261128\n"), "embedded-time");
  EXPECT_EQ(ClassOf("Nov 27 2026 15:04:09", "Nov 28 2026 16:04:10"), "embedded-time");
  EXPECT_EQ(ClassOf("1795791846123\n", "1795881847001\n"), "embedded-time");
  EXPECT_EQ(ClassOf("1795791846.123456\n", "1795881847.0013\n"), "embedded-time");
  EXPECT_EQ(ClassOf("app:!:20784:0:99999:7:::\n", "app:!:20785:0:99999:7:::\n"), "embedded-time");
  EXPECT_EQ(ClassOf("at 15:04\n", "at 16:04\n"), "embedded-time");
  EXPECT_EQ(ClassOf("Friday\n", "Saturday\n"), "embedded-time");
  // In one and the same zone that is not UTC.
  EXPECT_EQ(ClassOf("2026-11-27 17:34:06\n", "2026-11-28 18:34:07\n"), "embedded-time");
}

TEST(ClassifierTest, TimesOfOtherClocksAreNotTheCause) {
  // The second is the first's clock.
  EXPECT_EQ(ClassOf("built 1795791846\n", "built 1795791847\n"), "unknown");
  EXPECT_EQ(ClassOf("2026-11-27 15:04:06\n", "2026-11-27 15:09:06\n"), "unknown");
  EXPECT_EQ(ClassOf("2025-01-02\n", "2025-01-03\n"), "unknown");
}

TEST(ClassifierTest, RecordedFacts) {
  EXPECT_EQ(ClassOf("on crossmill.\n", "on another-host.\n"), "host-name");
  EXPECT_EQ(ClassOf("builder-a\n", "builder-b\n"), "host-name");
  EXPECT_EQ(ClassOf("Linux 6.1.0-18-arm64 x\n", "Linux 6.6.9 x\n"), "kernel");
  EXPECT_EQ(ClassOf("cpu: Neoverse-N1\n", "cpu: Cortex-A72\n"), "cpu-model");
  EXPECT_EQ(ClassOf("make -j4\n", "make -j3\n"), "processors");
  EXPECT_EQ(ClassOf("4\n", "3\n"), "processors");
  EXPECT_EQ(ClassOf("14\n", "13\n"), "unknown");
  EXPECT_EQ(ClassOf("crossmillx\n", "another-hostx\n"), "unknown");
  EXPECT_EQ(ClassOf("crossmill 1795791846\n", "another-host 1795881846\n"), "host-name");
  // One part that nothing explains leaves the whole unknown.
  EXPECT_EQ(ClassOf("crossmill apple\n", "another-host peach\n"), "unknown");
}

TEST(ClassifierTest, FormsThatAreRandom) {
  EXPECT_EQ(ClassOf("id 1b4e28ba-2fa1-4d2e-883f-b9a761bde3fb\n", "id 9c858901-8a57-4791-81fe-4c455b099bc9\n"),
            "random");
  EXPECT_EQ(ClassOf("token 9f86d081884c7d65\n", "token 1b4f0e9851971998\n"), "random");
  EXPECT_EQ(ClassOf("cd /tmp/tmpab3d_x1z/b\n", "cd /tmp/tmpq9_kk2c4/b\n"), "build-path");
  EXPECT_EQ(ClassOf("<object at 0x7f3b2c1d4e50>\n", "<object at 0x7fa91b2c3d10>\n"), "random");
  EXPECT_EQ(ClassOf("sshd[123]: x\n", "sshd[4567]: x\n"), "process-id");
  EXPECT_EQ(ClassOf("3 passed in 0.12s\n", "3 passed in 0.31s\n"), "duration");
  EXPECT_EQ(ClassOf("hello world\n", "hello there\n"), "unknown");
}

TEST(ClassifierTest, NumbersAreOnlyPossiblyRandomAndOnlyIfTheyDoNotBeginAlike) {
  EXPECT_EQ(ClassOf("n=12345\n", "n=23817\n"), "random");
  EXPECT_EQ(ClassOf("n=123456\n", "n=123457\n"), "unknown");
  EXPECT_EQ(ClassOf("x 0.8444218515250481\n", "x -0.7579544029403025e-05\n"), "random");
  EXPECT_EQ(ClassOf("root:$y$j9T$aVUJewg5RoSYEz5FmH9RP/$SChEShcbhRkLy3a6YDMjEJX:1:\n",
                    "root:$y$j9T$bR/BBBXbiIIuGIs6dmiGM.$D3qtNfENggZ0NKSs493oqZK:1:\n"),
            "random");
}

TEST(ClassifierTest, EachTimeOfACertificateIsADifferenceOfItsOwn) {
  const std::string between = "Z\x17\x0d";
  const auto file = CompareTexts(std::string("\x30\x1e\x17\x0d"
                                             "261127150406",
                                             16) +
                                     between + "271127150406Z\x30",
                                 std::string("\x30\x1e\x17\x0d"
                                             "261128160406",
                                             16) +
                                     between + "271128160406Z\x30");
  ASSERT_EQ(file.differences_size(), 2);
  EXPECT_EQ(file.differences(0).cause().class_(), "embedded-time");
  EXPECT_EQ(file.differences(1).cause().class_(), "unknown");
}

TEST(ClassifierTest, DigitsBehindANumberInBinaryMayBeNone) {
  // DER: the sequence behind the text begins with 0x30, a zero.
  const std::string before("\x04\x12Time ", 7), after("0\x82\x00", 3);
  EXPECT_EQ(ClassOf(before + "1795791846123" + after, before + "1795881847001" + after), "embedded-time");
}

TEST(ClassifierTest, SecondsWithTheirNanoseconds) {
  const auto number = [](int64_t value, int width) {
    std::string bytes;
    for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
  };
  const std::string filling(20, '\x01');
  const auto time = [&](int64_t seconds, int64_t nanos) {
    return std::string(1, '\0') + filling + number(seconds, 8) + number(nanos, 8) + filling;
  };
  EXPECT_EQ(ClassOf(time(kFirstClock + 1, 123456789), time(kSecondClock + 1, 987654321)), "embedded-time");
  EXPECT_NE(ClassOf(time(kFirstClock + 1, 123456789), time(kSecondClock + 1, 98765432100)), "embedded-time");
}

TEST(ClassifierTest, AFileForEachProcessor) {
  const Classifier classifier(FirstFacts(), SecondFacts(), {});
  EXPECT_EQ(classifier.ClassifyAlone("app/part4", true).class_(), "processors");
  EXPECT_EQ(classifier.ClassifyAlone("app/part3.o", true).class_(), "processors");
  EXPECT_EQ(classifier.ClassifyAlone("app/part4", false).class_(), "unknown");
  EXPECT_EQ(classifier.ClassifyAlone("app/part5", true).class_(), "unknown");
  EXPECT_EQ(classifier.ClassifyAlone("app/part", true).class_(), "unknown");
}

TEST(ClassifierTest, OrderOfLinesAndWords) {
  const auto file = CompareTexts("a\nb\nc\nd\n", "a\nc\nd\nb\n");
  ASSERT_EQ(file.differences_size(), 1);
  EXPECT_EQ(file.differences(0).cause().class_(), "order");
  EXPECT_EQ(file.differences(0).place(), "order of lines, from line 2 on");
  EXPECT_EQ(ClassOf("{'alpha', 'beta', 'gamma'}\n", "{'gamma', 'alpha', 'beta'}\n"), "order");
}

TEST(ClassifierTest, LinesThatWereAddedDoNotHideTheRest) {
  const auto file = CompareTexts("one\ntwo\nthree\nfour\n", "one\nextra\ntwo\nthree\nfore\n");
  ASSERT_EQ(file.differences_size(), 2);
  EXPECT_EQ(file.differences(0).place(), "1 more lines, from line 2 on");
  EXPECT_EQ(file.differences(0).second(), "extra");
  EXPECT_EQ(file.differences(1).first(), "four");
}

TEST(ClassifierTest, NumbersThatAreTimes) {
  std::string a(100, '\0');
  std::string b(100, '\0');
  const auto put = [](std::string* out, uint64_t value, size_t at, size_t width) {
    for (size_t i = 0; i < width; ++i) (*out)[at + i] = static_cast<char>(value >> (8 * i));
  };
  put(&a, kFirstClock + 3, 40, 4);
  put(&b, kSecondClock + 3, 40, 4);
  const auto file = CompareTexts(a, b);
  ASSERT_EQ(file.differences_size(), 1);
  EXPECT_EQ(file.format(), "binary");
  EXPECT_EQ(file.differences(0).cause().class_(), "embedded-time");
  put(&b, kFirstClock + 4, 40, 4);
  EXPECT_EQ(ClassOf(a, b), "unknown");
}

}  // namespace
}  // namespace crossmill::compare
