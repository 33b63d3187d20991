// What others say of themselves cannot write lines of the log.
#include "common/base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace crossmill {
namespace {

TEST(LogTest, ValuesStayInTheirLine) {
  testing::internal::CaptureStderr();
  SetUpLog("test", "info");
  LogInfo("worker={} connected", "w1\n2026-01-01T00:00:00.000 test I worker=w2 trusted");
  LogWarning("host={}",
             "\x1b[2J\r\xe2\x80\xae"
             "evil\xff\xc2\x9b");
  const std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(printed.begin(), printed.end(), '\n'), 2) << printed;
  for (const char* forbidden : {"\x1b", "\r", "\xe2\x80\xae", "\xff", "\xc2\x9b"})
    EXPECT_EQ(printed.find(forbidden), std::string::npos) << printed;
  EXPECT_NE(printed.find("host=?[2J??evil"), std::string::npos) << printed;
}

}  // namespace
}  // namespace crossmill
