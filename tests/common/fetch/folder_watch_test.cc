#include "common/fetch/folder_watch.h"

#include <gtest/gtest.h>

#include "common/base/files.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace crossmill::fetch {
namespace {

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
