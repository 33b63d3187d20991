// Paths inside a root: links never lead out.
#include "worker/tree/root_path.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

class RootPathTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    root_path_ = folder_->Path("root");
    ASSERT_OK(MakeFolders(root_path_ + "/usr/lib/deep"));
    ASSERT_OK(WriteFileAtomic(folder_->Path("secret"), "outside"));
    ASSERT_OK(WriteFileAtomic(root_path_ + "/usr/lib/file", "inside"));
    auto root = OpenRoot(root_path_);
    ASSERT_OK(root);
    root_ = *std::move(root);
  }
  void Link(const std::string& target, const std::string& name) {
    ASSERT_EQ(0, symlink(target.c_str(), (root_path_ + "/" + name).c_str()));
  }
  std::string Resolved(const std::string& path) {
    auto resolved = ResolveInRoot(root_.get(), path);
    return resolved.ok() ? *resolved : std::string(resolved.status().message());
  }

  std::unique_ptr<TemporaryFolder> folder_;
  std::string root_path_;
  UniqueFd root_;
};

TEST_F(RootPathTest, AbsoluteLinkIsTakenFromTheRoot) {
  Link("/usr/lib", "lib");
  EXPECT_EQ("usr/lib/file", Resolved("/lib/file"));
  EXPECT_EQ("inside", ReadFileInRoot(root_.get(), "/lib/file", 100).value_or("?"));
}

TEST_F(RootPathTest, DotsAndLinksStopAtTheRoot) {
  Link("../../../..", "up");
  Link("../../../../secret", "usr/escape");
  EXPECT_EQ("", Resolved("/up"));
  EXPECT_EQ("secret", Resolved("up/../../secret"));
  EXPECT_EQ("secret", Resolved("/usr/escape"));
  EXPECT_TRUE(absl::IsNotFound(ReadFileInRoot(root_.get(), "/usr/escape", 100).status()));
}

// A path of 4 kB is enough to ask for this: going from name to name for each would take minutes, not a
// moment.
TEST_F(RootPathTest, FoldersDeepInEachOther) {
  std::string path = "d";
  std::vector<std::string> paths;
  for (int i = 0; i < 300; ++i) {
    path += "/d";
    paths.push_back(path);
  }
  ASSERT_OK(MakeFoldersBelow(root_.get(), path,
                             {static_cast<uint32_t>(geteuid()), static_cast<uint32_t>(getegid())}, nullptr));
  for (const std::string& each : paths) {
    EXPECT_EQ(each, Resolved(each));
    EXPECT_EQ(each, ResolveParentInRoot(root_.get(), each).value_or("?"));
  }
  // What is no folder is still none, and a link is still one.
  ASSERT_OK(WriteFileAtomic(root_path_ + "/plain", "x"));
  Link("usr", "way");
  EXPECT_EQ("plain", Resolved("/plain"));
  EXPECT_EQ("/plain is not a directory", Resolved("/plain/below"));
  EXPECT_FALSE(ResolveParentInRoot(root_.get(), "/plain/below").ok());
  EXPECT_EQ("usr", Resolved("/way"));
  EXPECT_EQ("way", ResolveParentInRoot(root_.get(), "/way").value_or("?"));
  EXPECT_EQ("usr/lib", ResolveParentInRoot(root_.get(), "/way/lib").value_or("?"));
}

TEST_F(RootPathTest, MissingComponentsAndDanglingLinksAreKept) {
  Link("/srv/data", "dangling");
  EXPECT_EQ("srv/data/x/y", Resolved("/dangling/x/y"));
  EXPECT_EQ("new/z", Resolved("/new/a/../z/"));
  EXPECT_EQ("dangling", ResolveParentInRoot(root_.get(), "/dangling").value_or("?"));
}

TEST_F(RootPathTest, LoopAndFileOnTheWayAreErrors) {
  Link("b", "a");
  Link("a", "b");
  EXPECT_TRUE(absl::IsInvalidArgument(ResolveInRoot(root_.get(), "a/x").status()));
  EXPECT_EQ("/usr/lib/file is not a directory", Resolved("/usr/lib/file/x"));
}

TEST_F(RootPathTest, FoldersAreMadeWithModeWhateverTheUmask) {
  const mode_t before = umask(077);
  std::vector<std::string> made;
  auto folder = MakeFoldersBelow(root_.get(), "usr/new/sub", {getuid(), getgid()}, &made);
  umask(before);
  ASSERT_OK(folder);
  EXPECT_EQ((std::vector<std::string>{"usr/new", "usr/new/sub"}), made);
  struct stat info;
  ASSERT_EQ(0, fstat(folder->get(), &info));
  EXPECT_EQ(0755u, info.st_mode & 07777);
}

TEST_F(RootPathTest, FoldersAreNotMadeThroughLinks) {
  Link("/tmp", "link");
  auto folder = MakeFoldersBelow(root_.get(), "link/x", {}, nullptr);
  EXPECT_EQ("/link is not a directory", folder.status().message());
}

TEST_F(RootPathTest, OpenBelowRefusesLinks) {
  Link("usr", "link");
  EXPECT_FALSE(OpenBelow(root_.get(), "link/lib/file", O_RDONLY).ok());
  EXPECT_FALSE(OpenBelow(root_.get(), "../secret", O_RDONLY).ok());
  EXPECT_OK(OpenBelow(root_.get(), "usr/lib/file", O_RDONLY));
}

TEST_F(RootPathTest, FifoInPlaceOfADatabaseIsRefusedAndDoesNotBlock) {
  ASSERT_EQ(0, mkfifo((root_path_ + "/fifo").c_str(), 0600));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadFileInRoot(root_.get(), "fifo", 100).status()));
}

}  // namespace
}  // namespace crossmill::worker
