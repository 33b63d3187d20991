#include "worker/sandbox/mount_points.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MountPointsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    ASSERT_OK(MakeFolders(root() + "/etc"));
    points_.emplace(root());
  }
  std::string root() const { return folder_->Path("root"); }

  std::optional<TemporaryFolder> folder_;
  std::optional<MountPoints> points_;
};

TEST_F(MountPointsTest, WhatExistsIsLeftAlone) {
  ASSERT_OK(WriteFileAtomic(root() + "/etc/hosts", ""));
  ASSERT_OK(points_->Add("/etc/hosts", false));
  EXPECT_THAT(points_->made(), IsEmpty());
  points_->Remove();
  EXPECT_TRUE(Exists(root() + "/etc/hosts"));
}

TEST_F(MountPointsTest, WhatIsMadeIsRemovedAndTheFolderKeepsItsTime) {
  const timespec old[2] = {{1000, 5}, {1000, 5}};
  ASSERT_EQ(utimensat(AT_FDCWD, (root() + "/etc").c_str(), old, 0), 0);
  ASSERT_OK(points_->Add("/etc/a/b", false));
  EXPECT_THAT(points_->made(), ElementsAre("etc/a", "etc/a/b"));
  points_->Remove();
  EXPECT_FALSE(Exists(root() + "/etc/a"));
  struct stat state {};
  ASSERT_EQ(stat((root() + "/etc").c_str(), &state), 0);
  EXPECT_EQ(state.st_mtim.tv_sec, 1000);
  EXPECT_EQ(state.st_mtim.tv_nsec, 5);
}

TEST_F(MountPointsTest, WhatTheStepFilledStays) {
  ASSERT_OK(points_->Add("/run/crossmill", true));
  ASSERT_OK(WriteFileAtomic(root() + "/run/kept", "x"));
  points_->Remove();
  EXPECT_TRUE(Exists(root() + "/run/kept"));
  EXPECT_FALSE(Exists(root() + "/run/crossmill"));
}

TEST_F(MountPointsTest, LinksNeverLeadOutOfTheRoot) {
  std::filesystem::create_symlink("../../../../outside", root() + "/etc/resolv.conf");
  std::filesystem::create_symlink("/var/run", root() + "/run");
  ASSERT_OK(points_->Add("/etc/resolv.conf", false));
  ASSERT_OK(points_->Add("/run/x", true));
  EXPECT_THAT(points_->made(), ElementsAre("outside", "var", "var/run", "var/run/x"));
  EXPECT_FALSE(Exists(folder_->Path("outside")));
}

TEST_F(MountPointsTest, LoopsAndWrongKindsAreNamed) {
  std::filesystem::create_symlink("b", root() + "/etc/a");
  std::filesystem::create_symlink("a", root() + "/etc/b");
  EXPECT_TRUE(absl::IsFailedPrecondition(points_->Add("/etc/a", false).status()));
  ASSERT_OK(WriteFileAtomic(root() + "/proc", ""));
  EXPECT_EQ(points_->Add("/proc", true).status().message(),
            "mount point /proc: /proc is not a folder in the image");
  EXPECT_EQ(points_->Add("/etc", false).status().message(),
            "mount point /etc: /etc is a folder in the image");
}

}  // namespace
}  // namespace crossmill::worker
