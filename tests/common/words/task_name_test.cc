#include "common/words/task_name.h"

#include <gtest/gtest.h>

#include "common/words/platform.h"

namespace crossmill {
namespace {

TEST(TaskNameTest, ABuildIsFoundInItsTasksNames) {
  const v1::Platform platform = ParsePlatform("linux/arm/v7").value();
  EXPECT_EQ(TaskName(12, platform, "builder", 0), "b12/linux/arm/v7/builder/r0");
  EXPECT_EQ(BuildOfTask(TaskName(12, platform, "a/b", 3)), 12);
  for (const char* other : {"", "b", "b/", "b12", "bx/y", "12/x", "b-3/x", "b99999999999999999999/x"})
    EXPECT_EQ(BuildOfTask(other), 0) << other;
}

}  // namespace
}  // namespace crossmill
