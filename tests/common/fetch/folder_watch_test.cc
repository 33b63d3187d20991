#include "common/fetch/folder_watch.h"

#include <gtest/gtest.h>

#include "common/base/files.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace crossmill::fetch {
namespace {

TEST(FolderWatchTest, MeasuresAllThatIsBelow) {
  const TemporaryFolder folder = *TemporaryFolder::Create();
  ASSERT_OK(MakeFolders(folder.Path("a/b")));
  ASSERT_OK(WriteFileAtomic(folder.Path("a/b/file"), std::string(1 << 20, 'x')));
  const FolderSize size = MeasureFolder(folder.path());
  EXPECT_EQ(size.files, 3);
  EXPECT_GE(size.bytes, 1 << 20);
  EXPECT_LT(size.bytes, 2 << 20);
  EXPECT_EQ(MeasureFolder(folder.Path("none")).files, 0);
}

TEST(FolderWatchTest, StopsWhenTheFolderIsTooLarge) {
  const TemporaryFolder folder = *TemporaryFolder::Create();
  FolderWatch by_bytes(folder.path(), {1 << 20, 1000});
  FolderWatch by_files(folder.path(), {int64_t{1} << 40, 1});
  EXPECT_FALSE(by_bytes.exceeded());
  ASSERT_OK(WriteFileAtomic(folder.Path("one"), std::string(2 << 20, 'x')));
  EXPECT_TRUE(Eventually([&] { return by_bytes.token().stop_requested() && by_bytes.exceeded(); }));
  EXPECT_FALSE(by_files.exceeded());
  ASSERT_OK(WriteFileAtomic(folder.Path("two"), ""));
  EXPECT_TRUE(Eventually([&] { return by_files.exceeded(); }));
}

}  // namespace
}  // namespace crossmill::fetch
