#include "worker/task/dist_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

class DistInfoTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    root_ = folder_->Path("root");
    ASSERT_OK(MakeFolders(root_));
  }

  // Writes a file inside the root and notes it as changed.
  void Write(const std::string& path, const std::string& text) {
    ASSERT_OK(MakeFolders(root_ + "/" + path.substr(0, path.rfind('/'))));
    ASSERT_OK(WriteFileAtomic(root_ + "/" + path, text));
    changed_.push_back(path);
  }

  std::vector<v1::DistInfo> Read() { return ReadDistInfos(root_, changed_); }

  std::unique_ptr<TemporaryFolder> folder_;
  std::string root_;
  std::vector<std::string> changed_;
};

constexpr char kMetadata[] =
    "Metadata-Version: 2.1\nName: Six\nVersion: 1.17.0\nSummary: x\n y: z\n\nName: body\n";

TEST_F(DistInfoTest, EveryFileOfACompleteFolderIsRead) {
  const std::string folder = "root/.local/lib/python3.11/site-packages/six-1.17.0.dist-info/";
  Write(folder + "METADATA", kMetadata);
  Write(folder + "WHEEL",
        "Wheel-Version: 1.0\r\nGenerator: bdist_wheel (0.41)\r\nTag: py2-none-any\r\nTag: py3-none-any\r\n");
  Write(folder + "INSTALLER", "pip\n");
  Write(folder + "direct_url.json", "{\"url\": \"file:///x\"}");
  Write(folder + "uv_build.json", "{}");
  Write(folder + "REQUESTED", "");
  const auto infos = Read();
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].path() + "/", folder);
  EXPECT_EQ(infos[0].name(), "Six");
  EXPECT_EQ(infos[0].version(), "1.17.0");
  EXPECT_THAT(infos[0].tags(), testing::ElementsAre("py2-none-any", "py3-none-any"));
  EXPECT_EQ(infos[0].generator(), "bdist_wheel (0.41)");
  EXPECT_EQ(infos[0].installer(), "pip");
  EXPECT_EQ(infos[0].direct_url(), "{\"url\": \"file:///x\"}");
  EXPECT_TRUE(infos[0].uv_build());
  EXPECT_TRUE(infos[0].requested());
}

TEST_F(DistInfoTest, OnlyChangedFoldersCountAndAreSorted) {
  Write("old-1.dist-info/METADATA", kMetadata);
  changed_.clear();
  Write("b-1.dist-info/METADATA", kMetadata);
  Write("a-1.dist-info/METADATA", kMetadata);
  Write("other/file.txt", "x");
  const auto infos = Read();
  ASSERT_EQ(infos.size(), 2u);
  EXPECT_EQ(infos[0].path(), "a-1.dist-info");
  EXPECT_EQ(infos[1].path(), "b-1.dist-info");
  EXPECT_TRUE(infos[0].installer().empty());
}

TEST_F(DistInfoTest, RemovedAndIncompleteFoldersAreLeftOut) {
  changed_.push_back("gone-1.dist-info/METADATA");
  Write("empty-1.dist-info/RECORD", "");
  Write("nameless-1.dist-info/METADATA", "Version: 1\n");
  EXPECT_TRUE(Read().empty());
  EXPECT_TRUE(ReadDistInfos(root_ + "/nothing", changed_).empty());
}

TEST_F(DistInfoTest, LinksLeadNowhere) {
  ASSERT_OK(WriteFileAtomic(folder_->Path("secret"), "Name: secret\nVersion: 1\n"));
  ASSERT_OK(MakeFolders(folder_->Path("outside-1.dist-info")));
  ASSERT_OK(WriteFileAtomic(folder_->Path("outside-1.dist-info/METADATA"), kMetadata));
  // A file that is a link, a folder that is one, and a folder on the way that is one.
  ASSERT_OK(MakeFolders(root_ + "/file-1.dist-info"));
  ASSERT_EQ(symlink("../../secret", (root_ + "/file-1.dist-info/METADATA").c_str()), 0);
  ASSERT_EQ(symlink(folder_->Path("outside-1.dist-info").c_str(), (root_ + "/folder-1.dist-info").c_str()),
            0);
  ASSERT_EQ(symlink("..", (root_ + "/up").c_str()), 0);
  changed_ = {"file-1.dist-info/METADATA", "folder-1.dist-info/METADATA", "up/outside-1.dist-info/METADATA",
              "../outside-1.dist-info/METADATA"};
  EXPECT_TRUE(Read().empty());
}

TEST_F(DistInfoTest, SpecialFilesDoNotBlockOrCount) {
  Write("x-1.dist-info/METADATA", kMetadata);
  ASSERT_EQ(mkfifo((root_ + "/x-1.dist-info/INSTALLER").c_str(), 0644), 0);
  ASSERT_OK(MakeFolders(root_ + "/x-1.dist-info/uv_build.json"));
  const auto infos = Read();
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_TRUE(infos[0].installer().empty());
  EXPECT_FALSE(infos[0].uv_build());
}

TEST_F(DistInfoTest, LargeAndBinaryFilesAreBounded) {
  Write("x-1.dist-info/METADATA", "Name: x\xff\nVersion: 1\n\n" + std::string(4 << 20, 'd'));
  Write("x-1.dist-info/WHEEL", std::string(1 << 20, 'T'));
  Write("x-1.dist-info/direct_url.json", std::string(1 << 20, '{'));
  const auto infos = Read();
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].name(), "x\xef\xbf\xbd");
  EXPECT_EQ(infos[0].tags_size(), 0);
  EXPECT_TRUE(infos[0].direct_url().empty());
}

TEST_F(DistInfoTest, TagsAreBounded) {
  std::string wheel;
  for (int i = 0; i < 3000; ++i) wheel += "Tag: a-b-c\n";
  Write("x-1.dist-info/METADATA", kMetadata);
  Write("x-1.dist-info/WHEEL", wheel);
  EXPECT_EQ(Read()[0].tags_size(), 512);
}

}  // namespace
}  // namespace crossmill::worker
