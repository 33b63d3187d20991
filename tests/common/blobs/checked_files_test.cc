// Files that were compared with their digest a moment ago.
#include "common/blobs/checked_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

class CheckedFilesTest : public testing::Test {
 protected:
  UniqueFd FileOf(const std::string& name) {
    EXPECT_OK(WriteFileAtomic(folder_.Path(name), "content"));
    return *OpenFile(folder_.Path(name), O_RDONLY);
  }
  TemporaryFolder folder_ = *TemporaryFolder::Create();
  CheckedFiles checked_;
};

TEST_F(CheckedFilesTest, AFileIsKnownForAWhile) {
  const UniqueFd file = FileOf("a");
  EXPECT_FALSE(checked_.Knows("hash", file.get(), kNow));
  checked_.Note("hash", file.get(), kNow);
  EXPECT_TRUE(checked_.Knows("hash", file.get(), kNow));
  EXPECT_FALSE(checked_.Knows("other", file.get(), kNow));
  EXPECT_TRUE(checked_.Knows("hash", file.get(), kNow + CheckedFiles::kLife));
  EXPECT_FALSE(checked_.Knows("hash", file.get(), kNow + CheckedFiles::kLife + absl::Seconds(1)));
  // The clock was set back.
  EXPECT_FALSE(checked_.Knows("hash", file.get(), kNow - absl::Seconds(1)));
}

TEST_F(CheckedFilesTest, AnotherFileOfTheNameOrAnotherTimeIsNotKnown) {
  const UniqueFd file = FileOf("a"), other = FileOf("a");
  checked_.Note("hash", file.get(), kNow);
  EXPECT_FALSE(checked_.Knows("hash", other.get(), kNow));
  const timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(futimens(file.get(), times), 0);
  EXPECT_FALSE(checked_.Knows("hash", file.get(), kNow));
  EXPECT_FALSE(checked_.Knows("hash", -1, kNow));
}

TEST_F(CheckedFilesTest, OldOnesMakeRoom) {
  const UniqueFd file = FileOf("a");
  for (size_t i = 0; i < CheckedFiles::kMost + 5; ++i) checked_.Note(std::to_string(i), file.get(), kNow);
  EXPECT_TRUE(checked_.Knows("0", file.get(), kNow));
  EXPECT_FALSE(checked_.Knows(std::to_string(CheckedFiles::kMost), file.get(), kNow));
  const absl::Time later = kNow + CheckedFiles::kLife + absl::Seconds(1);
  checked_.Note("new", file.get(), later);
  EXPECT_TRUE(checked_.Knows("new", file.get(), later));
}

}  // namespace
}  // namespace crossmill
