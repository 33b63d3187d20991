#include "common/base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

TEST(FilesTest, RemoveTreeDoesNotFollowLinks) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ASSERT_OK(MakeFolders(folder->Path("keep")));
  ASSERT_OK(WriteFileAtomic(folder->Path("keep/file"), "x"));
  ASSERT_OK(MakeFolders(folder->Path("gone/deep")));
  ASSERT_EQ(symlink(folder->Path("keep").c_str(), folder->Path("gone/deep/link").c_str()), 0);
  ASSERT_OK(RemoveTree(folder->Path("gone")));
  EXPECT_FALSE(Exists(folder->Path("gone")));
  EXPECT_TRUE(Exists(folder->Path("keep/file")));
}

TEST(FilesTest, RemoveTreeOpensFoldersWithoutPermission) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ASSERT_OK(MakeFolders(folder->Path("a/b")));
  ASSERT_OK(WriteFileAtomic(folder->Path("a/b/c"), "x"));
  ASSERT_EQ(chmod(folder->Path("a/b").c_str(), 0), 0);
  EXPECT_OK(RemoveTree(folder->Path("a")));
}

TEST(FilesTest, ReadFileNamesTheMissingPath) {
  auto content = ReadFile("/no/such/file");
  ASSERT_FALSE(content.ok());
  EXPECT_NE(content.status().message().find("/no/such/file"), std::string::npos);
}

}  // namespace
}  // namespace crossmill
