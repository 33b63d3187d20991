#include "cli/images/local_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/common/layer/sample_tree.h"

namespace crossmill::cli {
namespace {

using layer::EntryType;
using layer::File;
using layer::Folder;
using layer::Special;

class LocalTreeTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<std::string>> Write(const std::vector<layer::SampleEntry>& layer) {
    oci::Flattener flattener(contents_);
    RETURN_IF_ERROR(flattener.AddLayer(layer::SourceOf(layer::WriteLayer(layer).first)));
    return WriteLocalTree(flattener, out_);
  }
  void SetUp() override { ASSERT_OK(MakeFolders(out_)); }
  struct stat StatOf(const std::string& path) {
    struct stat result {};
    EXPECT_EQ(lstat((out_ + "/" + path).c_str(), &result), 0) << path;
    return result;
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  const std::string out_ = folder_.Path("out");
  NamelessFile contents_ = *NamelessFile::Create();
};

TEST_F(LocalTreeTest, ModesTimesAndLinksAreKept) {
  ASSERT_OK(Write({Folder("closed", 0555), File("closed/file", "text", 0640), File("first", "shared"),
                   Special("link", EntryType::kSymlink, "closed/file"), Special("pipe", EntryType::kFifo),
                   Special("second", EntryType::kHardLink, "first")}));
  EXPECT_EQ(*ReadFile(out_ + "/closed/file"), "text");
  EXPECT_EQ(StatOf("closed").st_mode & 07777, 0555u);
  EXPECT_EQ(StatOf("closed").st_mtime, 1'000'000'000);
  EXPECT_EQ(StatOf("closed/file").st_mode & 07777, 0640u);
  EXPECT_EQ(StatOf("closed/file").st_uid, getuid());
  EXPECT_EQ(StatOf("first").st_ino, StatOf("second").st_ino);
  EXPECT_TRUE(S_ISLNK(StatOf("link").st_mode));
  EXPECT_TRUE(S_ISFIFO(StatOf("pipe").st_mode));
}

TEST_F(LocalTreeTest, DevicesAreLeftOutWithANote) {
  layer::SampleEntry null = Special("dev/null", EntryType::kCharDevice, "", 0666);
  null.entry.dev_major = 1;
  null.entry.dev_minor = 3;
  const auto notes = Write({Folder("dev"), null});
  ASSERT_OK(notes);
  ASSERT_EQ(notes->size(), 1u);
  EXPECT_THAT((*notes)[0], testing::HasSubstr("'dev/null'"));
  EXPECT_FALSE(Exists(out_ + "/dev/null"));
}

TEST_F(LocalTreeTest, SymlinksInTheFolderLeadNowhereElse) {
  const std::string outside = folder_.Path("outside");
  ASSERT_OK(MakeFolders(outside));
  ASSERT_EQ(symlink(outside.c_str(), (out_ + "/etc").c_str()), 0);
  ASSERT_EQ(symlink((outside + "/file").c_str(), (out_ + "/file").c_str()), 0);
  // A folder of the tree takes the link's place, and so does a file.
  ASSERT_OK(Write({Folder("etc"), File("etc/passwd", "x"), File("file", "y")}));
  EXPECT_FALSE(Exists(outside + "/passwd"));
  EXPECT_FALSE(Exists(outside + "/file"));
  EXPECT_EQ(*ReadFile(out_ + "/etc/passwd"), "x");
  EXPECT_TRUE(S_ISREG(StatOf("file").st_mode));
}

TEST_F(LocalTreeTest, WhatIsThereIsKeptOrReplacedButFoldersAreNotThrownAway) {
  ASSERT_OK(MakeFolders(out_ + "/d"));
  ASSERT_OK(WriteFileAtomic(out_ + "/d/mine", "mine"));
  ASSERT_OK(WriteFileAtomic(out_ + "/f", "old"));
  ASSERT_OK(Write({Folder("d", 0700), File("f", "new")}));
  EXPECT_EQ(*ReadFile(out_ + "/d/mine"), "mine");
  EXPECT_EQ(*ReadFile(out_ + "/f"), "new");
  const auto status = Write({File("d", "a file now")}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(*ReadFile(out_ + "/d/mine"), "mine");
}

}  // namespace
}  // namespace crossmill::cli
