// USER and --chown resolved in a root.
#include "worker/tree/users.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/status_matchers.h"
#include "worker/tree/file_mode.h"

namespace crossmill::worker {
namespace {

class UsersTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    ASSERT_OK(MakeFolders(folder_->Path("etc")));
    ASSERT_OK(
        WriteFileAtomic(folder_->Path("etc/passwd"),
                        "root:x:0:0:root:/root:/bin/sh\nbroken line\napp:x:1000:1001::/home/app:/bin/sh\n"));
    ASSERT_OK(WriteFileAtomic(folder_->Path("etc/group"),
                              "root:x:0:\napp:x:1001:\naudio:x:29:app,www\nvideo:x:44:app\n"));
  }
  std::unique_ptr<TemporaryFolder> folder_;
};

TEST_F(UsersTest, NameBringsGroupsAndHome) {
  auto user = ResolveUser(folder_->path(), "app");
  ASSERT_OK(user);
  EXPECT_EQ(1000u, user->uid);
  EXPECT_EQ(1001u, user->gid);
  EXPECT_EQ((std::vector<uint32_t>{29, 44, 1001}), user->groups);
  EXPECT_EQ("/home/app", user->home);
}

TEST_F(UsersTest, EmptyIsRoot) {
  auto user = ResolveUser(folder_->path(), "");
  ASSERT_OK(user);
  EXPECT_EQ(0u, user->uid);
  EXPECT_EQ("/root", user->home);
  EXPECT_EQ(std::vector<uint32_t>{0}, user->groups);
}

TEST_F(UsersTest, NumberThatNobodyHas) {
  auto user = ResolveUser(folder_->path(), "4242");
  ASSERT_OK(user);
  EXPECT_EQ(4242u, user->uid);
  EXPECT_EQ(0u, user->gid);
  EXPECT_EQ("/", user->home);
}

TEST_F(UsersTest, GivenGroupReplacesSupplementaryOnes) {
  auto user = ResolveUser(folder_->path(), "1000:audio");
  ASSERT_OK(user);
  EXPECT_EQ(29u, user->gid);
  EXPECT_EQ(std::vector<uint32_t>{29}, user->groups);
}

TEST_F(UsersTest, UnknownNamesAreNamed) {
  EXPECT_EQ("unable to find user nobody: no matching entries in /etc/passwd",
            ResolveUser(folder_->path(), "nobody").status().message());
  EXPECT_EQ("unable to find group wheel: no matching entries in /etc/group",
            ResolveUser(folder_->path(), "app:wheel").status().message());
}

TEST_F(UsersTest, UnknownOwnersAreRoot) {
  auto unknown_user = ResolveOwner(folder_->path(), "nobody");
  ASSERT_OK(unknown_user);
  EXPECT_EQ(0u, unknown_user->uid);
  EXPECT_EQ(0u, unknown_user->gid);
  auto unknown_group = ResolveOwner(folder_->path(), "app:wheel");
  ASSERT_OK(unknown_group);
  EXPECT_EQ(1001u, unknown_group->gid);
}

TEST_F(UsersTest, OwnerWithoutGroup) {
  auto by_name = ResolveOwner(folder_->path(), "app");
  ASSERT_OK(by_name);
  EXPECT_EQ(1001u, by_name->gid);
  auto by_number = ResolveOwner("/nonexistent", "77");
  ASSERT_OK(by_number);
  EXPECT_EQ(77u, by_number->gid);
}

TEST_F(UsersTest, PasswdLinkDoesNotLeadOut) {
  ASSERT_EQ(0, unlink(folder_->Path("etc/passwd").c_str()));
  ASSERT_EQ(0, symlink("../../../../../../etc/passwd", folder_->Path("etc/passwd").c_str()));
  EXPECT_FALSE(ResolveUser(folder_->path(), "daemon").ok());
}

TEST(FileModeTest, OctalAndSymbolic) {
  auto apply = [](std::string_view text, uint32_t mode, bool folder) {
    auto parsed = FileMode::Parse(text);
    return parsed.ok() ? parsed->Apply(mode, folder) : 0xffff;
  };
  EXPECT_EQ(0640u, apply("640", 0777, false));
  EXPECT_EQ(04755u, apply("4755", 0, false));
  EXPECT_EQ(0755u, apply("u=rwX,go=rX", 0700, false));
  EXPECT_EQ(0644u, apply("u=rwX,go=rX", 0600, false));
  EXPECT_EQ(0755u, apply("u=rwX,go=rX", 0600, true));
  EXPECT_EQ(0755u, apply("+x", 0644, false));
  EXPECT_EQ(0660u, apply("g=u,o-r", 0604, false) & 0777);
  EXPECT_EQ(06755u, apply("ug+s", 0755, false));
  EXPECT_EQ(01777u, apply("a=rwx,+t", 0, true));
  EXPECT_EQ(0xffffu, apply("", 0, false));
  EXPECT_EQ(0xffffu, apply("u", 0, false));
  EXPECT_EQ(0xffffu, apply("888", 0, false));
  EXPECT_EQ(0xffffu, apply("u+q", 0, false));
}

TEST(FileModeTest, FoldersThatAreMadeHaveAnOctalMode) {
  EXPECT_EQ(0700u, FileMode::Parse("700")->OfMadeFolders());
  EXPECT_EQ(0711u, FileMode::Parse("4711")->OfMadeFolders());
  EXPECT_EQ(0755u, FileMode::Parse("u=rwx,go=")->OfMadeFolders());
}

TEST(OwnerTest, AnEmptyGroupIsTheOneWithoutAColon) {
  const auto owner = ResolveOwner("/", "5:");
  ASSERT_TRUE(owner.ok()) << owner.status();
  EXPECT_EQ(5u, owner->uid);
  EXPECT_EQ(5u, owner->gid);
}

}  // namespace
}  // namespace crossmill::worker
