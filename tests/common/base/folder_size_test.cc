#include "common/base/room/folder_size.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/base/subprocess.h"
#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

class FolderSizeTest : public testing::Test {
 protected:
  void Write(const std::string& path, size_t bytes) {
    ASSERT_OK(WriteFileAtomic(folder_.Path(path), std::string(bytes, 'x')));
  }
  // What `du` says of it.
  int64_t Du(const std::string& path) const {
    ProcessOptions options;
    options.argv = {"du", "-s", "--block-size=1", path};
    const auto run = RunProcess(options);
    EXPECT_OK(run);
    return run.ok() ? std::stoll(run->stdout_text) : -1;
  }

  const TemporaryFolder folder_ = *TemporaryFolder::Create();
};

TEST_F(FolderSizeTest, IsWhatDuSays) {
  ASSERT_OK(MakeFolders(folder_.Path("in/deep/er")));
  Write("in/deep/er/a", 1 << 20);
  ASSERT_EQ(link(folder_.Path("in/deep/er/a").c_str(), folder_.Path("in/b").c_str()), 0);
  Write("in/sparse", 10);
  ASSERT_EQ(truncate(folder_.Path("in/sparse").c_str(), 1 << 30), 0);
  Write("outside", 4 << 20);
  ASSERT_EQ(symlink("../outside", folder_.Path("in/link").c_str()), 0);
  ASSERT_EQ(symlink("..", folder_.Path("in/up").c_str()), 0);
  const auto size = MeasureFolder(folder_.Path("in"));
  ASSERT_OK(size);
  EXPECT_EQ(size->bytes, Du(folder_.Path("in")));
  EXPECT_EQ(size->files, 7) << "two folders, two names of one file, a sparse one, two links";
  EXPECT_LT(size->bytes, 3 << 20);
}

TEST_F(FolderSizeTest, TellsOfFoldersThatItCouldNotRead) {
  ASSERT_OK(MakeFolders(folder_.Path("in/deep")));
  Write("in/deep/a", 1 << 20);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  std::vector<std::string> seen, unread;
  const auto visit = [&](const FolderEntry& entry) {
    seen.push_back(entry.path);
    // From here on the process gets no descriptor.
    if (entry.path == "deep") setrlimit(RLIMIT_NOFILE, &none);
    return WalkOn::kYes;
  };
  const absl::Status walked = WalkFolder(folder_.Path("in"), visit, [&](const std::string& path, int error) {
    EXPECT_EQ(error, EMFILE);
    unread.push_back(path);
  });
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_OK(walked);
  EXPECT_EQ(seen, (std::vector<std::string>{"", "deep"}));
  EXPECT_EQ(unread, std::vector<std::string>{"deep"});
}

TEST_F(FolderSizeTest, EndsWhenThereIsEnough) {
  for (int i = 0; i < 10; ++i) Write(std::to_string(i), 1 << 20);
  const auto size = MeasureFolder(folder_.path(), 3 << 20);
  ASSERT_OK(size);
  EXPECT_GT(size->bytes, 3 << 20);
  EXPECT_LT(size->bytes, 6 << 20);
}

TEST_F(FolderSizeTest, AFolderThatIsNotThereIsAnError) {
  EXPECT_TRUE(absl::IsNotFound(MeasureFolder(folder_.Path("none")).status()));
  Write("file", 1);
  EXPECT_FALSE(MeasureFolder(folder_.Path("file")).ok());
}

TEST_F(FolderSizeTest, ALinkToTheFolderItselfIsFollowed) {
  ASSERT_OK(MakeFolders(folder_.Path("in")));
  Write("in/file", 1 << 20);
  ASSERT_EQ(symlink("in", folder_.Path("link").c_str()), 0);
  EXPECT_EQ(MeasureFolder(folder_.Path("link"))->bytes, Du(folder_.Path("in")));
}

TEST_F(FolderSizeTest, ATreeDeeperThanAPathCanSayIsMeasuredWithFewDescriptors) {
  constexpr int kDepth = 300;
  const std::string name(100, 'd');
  UniqueFd at = *OpenFile(folder_.path(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < kDepth; ++i) {
    // One beside it that waits at every depth.
    ASSERT_EQ(mkdirat(at.get(), "beside", 0755), 0);
    ASSERT_EQ(mkdirat(at.get(), name.c_str(), 0755), 0);
    at = UniqueFd(openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at.valid());
  }
  const int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(lowest);
  int highest = 0;
  int64_t files = 0;
  ASSERT_OK(WalkFolder(folder_.path(), [&](const FolderEntry& entry) {
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    highest = std::max(highest, fd);
    close(fd);
    files += entry.path.empty() ? 0 : 1;
    return WalkOn::kYes;
  }));
  EXPECT_EQ(files, 2 * kDepth);
  EXPECT_LT(highest, lowest + 30);
}

TEST_F(FolderSizeTest, WhatIsPassedByIsVisitedAndNotWhatIsInIt) {
  ASSERT_OK(MakeFolders(folder_.Path("a/b")));
  ASSERT_OK(MakeFolders(folder_.Path("c/d")));
  std::set<std::string> seen;
  ASSERT_OK(WalkFolder(folder_.path(), [&](const FolderEntry& entry) {
    seen.insert(entry.path);
    return entry.path == "a" ? WalkOn::kPassBy : WalkOn::kYes;
  }));
  EXPECT_EQ(seen, (std::set<std::string>{"", "a", "c", "c/d"}));
}

}  // namespace
}  // namespace crossmill
