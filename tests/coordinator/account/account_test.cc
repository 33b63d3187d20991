#include "coordinator/account/account.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <thread>

#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/account/data_folder.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using testing::HasSubstr;

const Account kSomebody{"", 61234, 61235};

// The exit code of a process of its own that runs this.
int InChild(const std::function<int()>& run) {
  const pid_t child = fork();
  if (child == 0) _exit(run());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class AccountTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    folder_.emplace(*TemporaryFolder::Create());
    // Within everybody's reach.
    ASSERT_EQ(chmod(folder_->path().c_str(), 0755), 0);
    data_ = folder_->Path("data");
    ASSERT_OK(MakeFolders(data_ + "/content/blobs"));
    ASSERT_OK(MakeFolders(data_ + "/run"));
    ASSERT_OK(MakeFolders(data_ + "/workers/w1"));
    for (const char* file : {"record.db", "content/blobs/b", "run/keeper.argv", "workers/w1/f"})
      ASSERT_OK(WriteFileAtomic(data_ + "/" + file, "x"));
  }
  static uid_t OwnerOf(const std::string& path) {
    struct stat info {};
    return lstat(path.c_str(), &info) == 0 ? info.st_uid : uid_t(-1);
  }
  uid_t Owner(const std::string& name) const { return OwnerOf(data_ + "/" + name); }

  std::optional<TemporaryFolder> folder_;
  std::string data_;
};

TEST_F(AccountTest, NothingOfRootIsLeft) {
  const std::string of_root = folder_->Path("secret");
  ASSERT_OK(WriteFileAtomic(of_root, "x", 0600));
  EXPECT_EQ(InChild([&] {
              if (!BecomeAccount(kSomebody).ok()) return 1;
              if (geteuid() != kSomebody.uid || getegid() != kSomebody.gid) return 2;
              if (seteuid(0) == 0 || setuid(0) == 0 || setgid(0) == 0) return 3;
              if (open(of_root.c_str(), O_RDONLY) >= 0) return 4;
              if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 5;
              if (prctl(PR_CAPBSET_READ, 0, 0, 0, 0) != 0) return 6;
              return getgroups(0, nullptr) == 0 ? 0 : 7;
            }),
            0);
}

TEST_F(AccountTest, ThreadsThatWouldKeepTheirPrivilegesAreFoundOut) {
  EXPECT_EQ(InChild([] {
              std::jthread other([](const std::stop_token& end) {
                while (!end.stop_requested()) usleep(1000);
              });
              const absl::Status become = BecomeAccount(kSomebody);
              return absl::IsInternal(become) && geteuid() == 0 ? 0 : 1;
            }),
            0);
}

TEST_F(AccountTest, RootIsNobodysAccount) {
  EXPECT_TRUE(absl::IsInvalidArgument(FindAccount("root").status()));
  EXPECT_THAT(std::string(Sv(FindAccount("no-such-user").status().message())), HasSubstr("useradd --system"));
}

TEST_F(AccountTest, TheFolderIsGivenButForWhatRootStarts) {
  ASSERT_OK(GiveDataFolder(data_, kSomebody));
  EXPECT_EQ(Owner("record.db"), kSomebody.uid);
  EXPECT_EQ(Owner("content"), kSomebody.uid);
  EXPECT_EQ(Owner("content/blobs/b"), kSomebody.uid);
  EXPECT_EQ(Owner("run"), 0u);
  EXPECT_EQ(Owner("run/keeper.argv"), 0u);
  EXPECT_EQ(Owner("workers/w1"), 0u);
  EXPECT_EQ(OwnerOfData(data_)->uid, kSomebody.uid);
  EXPECT_EQ(InChild([&] {
              if (!BecomeAccount(kSomebody).ok()) return 1;
              if (!WriteFileAtomic(data_ + "/tokens", "x").ok()) return 2;
              if (rename((data_ + "/run").c_str(), (data_ + "/other").c_str()) == 0) return 3;
              if (rename((data_ + "/workers").c_str(), (data_ + "/other").c_str()) == 0) return 4;
              return WriteFileAtomic(data_ + "/run/x", "x").ok() ? 5 : 0;
            }),
            0);
  // Again, with what root made since.
  ASSERT_OK(WriteFileAtomic(data_ + "/audit.log", "x"));
  ASSERT_OK(GiveDataFolder(data_, kSomebody));
  EXPECT_EQ(Owner("audit.log"), kSomebody.uid);
}

TEST_F(AccountTest, LinksLeadNowhere) {
  const std::string outside = folder_->Path("outside");
  ASSERT_OK(MakeFolders(outside));
  ASSERT_OK(WriteFileAtomic(outside + "/shadow", "x", 0600));
  ASSERT_OK(WriteFileAtomic(outside + "/other-name", "x", 0600));
  ASSERT_EQ(symlink((outside + "/shadow").c_str(), (data_ + "/tokens").c_str()), 0);
  ASSERT_EQ(symlink(outside.c_str(), (data_ + "/content/out").c_str()), 0);
  ASSERT_EQ(link((outside + "/other-name").c_str(), (data_ + "/content/hard").c_str()), 0);
  ASSERT_OK(GiveDataFolder(data_, kSomebody));
  EXPECT_EQ(OwnerOf(outside), 0u);
  EXPECT_EQ(OwnerOf(outside + "/shadow"), 0u);
  EXPECT_EQ(OwnerOf(outside + "/other-name"), 0u);
  EXPECT_EQ(Owner("content"), kSomebody.uid);
}

// What it has there may be another name of root's by then.
TEST_F(AccountTest, InAFolderThatIsGivenNothingIsGivenAgain) {
  ASSERT_OK(GiveDataFolder(data_, kSomebody));
  ASSERT_OK(WriteFileAtomic(data_ + "/content/of-root", "x", 0600));
  ASSERT_OK(GiveDataFolder(data_, kSomebody));
  EXPECT_EQ(Owner("content/of-root"), 0u);
}

TEST_F(AccountTest, FoldersOfOthersAreNot) {
  ASSERT_EQ(chmod(data_.c_str(), 0777), 0);
  EXPECT_THAT(std::string(Sv(GiveDataFolder(data_, kSomebody).message())), HasSubstr("chmod go-w"));
  EXPECT_EQ(Owner("record.db"), 0u);
  ASSERT_EQ(chmod(data_.c_str(), 0755), 0);
  ASSERT_EQ(chown(data_.c_str(), 4711, 4711), 0);
  EXPECT_THAT(std::string(Sv(GiveDataFolder(data_, kSomebody).message())), HasSubstr("is of user 4711"));
}

}  // namespace
}  // namespace crossmill::coordinator
