// Paths longer than a call takes.
#include "worker/tree/long_path.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"
#include "worker/tree/file_metadata.h"
#include "worker/tree/lower_tree.h"

namespace crossmill::worker {
namespace {

TEST(LongPathTest, UsualPathsAreThemselves) {
  EXPECT_EQ(ReachablePath("/usr/lib").text(), "/usr/lib");
  EXPECT_EQ(ReachablePath("relative").text(), "relative");
}

TEST(LongPathTest, FilesBelowLongPathsAreReached) {
  auto temporary = TemporaryFolder::Create("");
  ASSERT_OK(temporary);
  const std::string name(240, 'n');
  std::string path = temporary->Path("top");
  ASSERT_EQ(0, mkdir(path.c_str(), 0755));
  UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  while (path.size() < 2 * PATH_MAX) {
    ASSERT_EQ(0, mkdirat(folder.get(), name.c_str(), 0750));
    folder = UniqueFd(openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(folder.valid());
    path += "/" + name;
  }
  ASSERT_TRUE(UniqueFd(openat(folder.get(), "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0640)).valid());

  const auto found = InspectFile(path + "/file", "p");
  ASSERT_OK(found);
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->entry.mode, 0640U);
  const auto names = ListFolder(path);
  ASSERT_OK(names);
  EXPECT_EQ(*names, std::vector<std::string>{"file"});
  // What is not there is not there, whichever part of the path is missing.
  const auto missing = InspectFile(path + "/no", "p");
  ASSERT_OK(missing);
  EXPECT_FALSE(missing->has_value());
  const auto beside = InspectFile(temporary->Path("other") + path.substr(temporary->Path("top").size()), "p");
  ASSERT_OK(beside);
  EXPECT_FALSE(beside->has_value());
  const auto below_file = InspectFile(path + "/file/" + name, "p");
  ASSERT_OK(below_file);
  EXPECT_FALSE(below_file->has_value());
}

}  // namespace
}  // namespace crossmill::worker
