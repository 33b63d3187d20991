#include "common/compare/neutral/wheel_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::compare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(WheelRecordTest, OneTagForAPlatformIsEnoughToDependOnIt) {
  EXPECT_TRUE(IsForAnyPlatform("Wheel-Version: 1.0\nTag: py3-none-any\n"));
  EXPECT_TRUE(IsForAnyPlatform("Tag: py2-none-any\r\nTag: py3-none-any\r\n"));
  EXPECT_FALSE(IsForAnyPlatform("Tag: cp311-cp311-manylinux_2_17_x86_64\n"));
  EXPECT_FALSE(IsForAnyPlatform("Tag: py3-none-any\nTag: py3-none-linux_x86_64\n"));
  EXPECT_FALSE(IsForAnyPlatform("Root-Is-Purelib: true\n")) << "no tag says nothing";
  EXPECT_FALSE(IsForAnyPlatform("Generator: py3-none-any\n"));
  EXPECT_FALSE(IsForAnyPlatform(""));
}

TEST(WheelRecordTest, PathsAreThoseOfTheLayer) {
  EXPECT_THAT(FilesOfRecord("usr/lib/python3/site-packages",
                            "a/__init__.py,sha256=x,1\r\n../../../bin/a,sha256=y,2\n\"b,c.py\",,\n"
                            "/opt/d.py,,\n./e.py,,\n\"f\"\"g.py\",,\n"),
              ElementsAre("usr/lib/python3/site-packages/a/__init__.py", "usr/bin/a",
                          "usr/lib/python3/site-packages/b,c.py", "opt/d.py",
                          "usr/lib/python3/site-packages/e.py", "usr/lib/python3/site-packages/f\"g.py"));
  EXPECT_THAT(FilesOfRecord("lib", "../../etc/shadow,,\n\n,,\n"), IsEmpty());
  EXPECT_THAT(FilesOfRecord("", "a.py,,"), ElementsAre("a.py"));
}

}  // namespace
}  // namespace crossmill::compare
