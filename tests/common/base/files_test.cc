#include "common/base/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

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

// Deeper than a path can be long, with fewer descriptors left than it has folders.
TEST(FilesTest, RemoveTreeOfATreeThatNoPathReaches) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ASSERT_OK(MakeFolders(folder->Path("deep")));
  const std::string name(30, 'a');
  UniqueFd at(open(folder->Path("deep").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 400; ++i) {
    ASSERT_EQ(mkdirat(at.get(), name.c_str(), 0755), 0) << i;
    if (i % 50 == 0) {
      ASSERT_EQ(mkdirat(at.get(), "b", 0), 0) << i;
      const UniqueFd file(openat(at.get(), "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      ASSERT_TRUE(file.valid()) << i;
    }
    UniqueFd next(openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(next.valid()) << i;
    at = std::move(next);
  }
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{std::min<rlim_t>(200, before.rlim_max), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const absl::Status removed = RemoveTree(folder->Path("deep"));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_OK(removed);
  EXPECT_FALSE(Exists(folder->Path("deep")));
}

// As somebody for whom permissions hold.
TEST(FilesTest, RemoveTreeOfFoldersThatMayNotBeChanged) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ASSERT_OK(MakeFolders(folder->Path("a/b")));
  ASSERT_OK(WriteFileAtomic(folder->Path("a/b/c"), "x"));
  ASSERT_EQ(chmod(folder->Path("a/b").c_str(), 0555), 0);
  if (geteuid() == 0) {
    for (const char* path : {"", "a", "a/b", "a/b/c"})
      ASSERT_EQ(chown(folder->Path(path).c_str(), 65534, 65534), 0);
    ASSERT_EQ(seteuid(65534), 0);
  }
  const absl::Status removed = RemoveTree(folder->Path("a"));
  if (getuid() == 0) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_OK(removed);
  EXPECT_FALSE(Exists(folder->Path("a")));
}

TEST(FilesTest, ReadFileNamesTheMissingPath) {
  auto content = ReadFile("/no/such/file");
  ASSERT_FALSE(content.ok());
  EXPECT_NE(content.status().message().find("/no/such/file"), std::string::npos);
}

}  // namespace
}  // namespace crossmill
