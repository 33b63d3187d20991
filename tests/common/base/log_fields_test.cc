#include "common/base/logging/log_fields.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/log.h"
#include "common/base/logging/log_format.h"

namespace crossmill {
namespace {

template <typename... Values>
std::string Fields(fmt::format_string<Values...> format, Values&&... values) {
  return WriteJson(LogFieldsOf(format, fmt::make_format_args(values...)));
}

TEST(LogFieldsTest, WordsOfTheFormatAreMembers) {
  EXPECT_EQ(Fields("build={} submitted platforms={} verify={}", int64_t{7}, 2, 3u),
            R"({"build":7,"platforms":2,"verify":3})");
  EXPECT_EQ(Fields("build={} stage={} platform={} failed: {}", 7, "a b", "linux/arm64", "worker=w9"),
            R"({"build":7,"stage":"a b","platform":"linux/arm64"})");
  EXPECT_EQ(Fields("loop event={} seconds={:.3f}: everything else waited", "job", 0.5),
            R"({"event":"job","seconds":"0.500"})");
  EXPECT_EQ(Fields("(lease={}, task={})", uint64_t{1} << 63, "t"),
            R"({"lease":9223372036854775808,"task":"t"})");
}

TEST(LogFieldsTest, WhatIsNoWordOfItsOwnIsNone) {
  EXPECT_EQ(Fields("what {}={} and of={}/{}", "kind", 1, 2, 3), "{}");
  EXPECT_EQ(Fields("{{build={{}}}} x={}", 1), R"({"x":1})");
  EXPECT_EQ(Fields("Build={} build={} build={}", 1, 2, 3), R"({"build":2})");
  EXPECT_EQ(Fields("x={:{}} y={}", 1, 2, 3), R"({"y":3})") << "values are numbered through";
  EXPECT_EQ(Fields("{1} a={0} b={1}", 1, "z"), R"({"a":1,"b":"z"})");
  EXPECT_EQ(Fields("flag={} letter={}", true, 'c'), R"({"flag":true,"letter":"c"})");
  EXPECT_EQ(Fields("nothing"), "{}");
}

TEST(LogFieldsTest, ALineIsOneObject) {
  const absl::Time time = absl::FromUnixMillis(1'700'000'000'123);
  EXPECT_EQ(
      JsonLogLine(time, "coordinator", "info", "build=7 \"x\"", Json{{"build", 7}, {"time", "forged"}}),
      R"({"time":"2023-11-14T22:13:20.123Z","program":"coordinator","level":"info","message":"build=7 \"x\"","build":7})");
}

// What somebody else said is part of a value: it neither ends the line nor makes members.
TEST(LogFieldsTest, StrangersMakeNoMembers) {
  SetLogFormat(LogFormat::kJson);
  testing::internal::CaptureStderr();
  SetUpLog("test", "info");
  LogWarning("worker={} lost: {}", "w1\",\"build\":9", "build=9 level=error\n{\"build\":9}");
  LogDebug("build={} is not shown", 1);
  const std::string printed = testing::internal::GetCapturedStderr();
  SetLogFormat(LogFormat::kText);
  SetUpLog("test", "info");
  ASSERT_TRUE(printed.ends_with('\n'));
  const auto line = ParseJson(std::string_view(printed).substr(0, printed.size() - 1));
  ASSERT_TRUE(line.ok()) << printed;
  EXPECT_FALSE(line->contains("build")) << printed;
  EXPECT_EQ((*line)["worker"], "w1\",\"build\":9");
  EXPECT_EQ((*line)["level"], "warning");
  EXPECT_EQ((*line)["program"], "test");
}

}  // namespace
}  // namespace crossmill
