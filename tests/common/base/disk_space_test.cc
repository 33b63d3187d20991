#include "common/base/room/disk_space.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

constexpr uint64_t kMega = 1'000'000;

TEST(DiskSpaceTest, AFolderHasADisk) {
  const auto space = SpaceOf("/");
  ASSERT_OK(space);
  EXPECT_GT(space->total, 0u);
  EXPECT_FALSE(SpaceOf("/there/is/none").ok());
}

TEST(DiskSpaceTest, TheUsualFloorIsAGigabyteOrATwentieth) {
  EXPECT_EQ(UsualLeastSpace({0, 100'000 * kMega}), 1'000 * kMega);
  EXPECT_EQ(UsualLeastSpace({0, 100 * kMega}), 5 * kMega);
}

TEST(DiskSpaceTest, BelowTheFloorTheDiskIsToBlame) {
  EXPECT_EQ(WhyFull(DiskSpace{5 * kMega, 100 * kMega}, 0), "");
  EXPECT_EQ(WhyFull(DiskSpace{4'940'000, 100 * kMega}, 0), "the worker's disk had 4.9 MB left");
  EXPECT_EQ(WhyFull(DiskSpace{40 * kMega, 100 * kMega}, 50 * kMega), "the worker's disk had 40.0 MB left");
  // A floor of a byte is one of a megabyte: below that nothing can be written.
  EXPECT_EQ(WhyFull(DiskSpace{kMega, 100 * kMega}, 1), "");
  EXPECT_EQ(WhyFull(DiskSpace{kMega - 1, 100 * kMega}, 1), "the worker's disk had 1.0 MB left");
  EXPECT_EQ(WhyFull(absl::UnavailableError("it is gone"), 0), "");
}

TEST(DiskSpaceTest, FilesRunOutToo) {
  DiskSpace space{50 * kMega, 100 * kMega, 9'999, 1'000'000};
  EXPECT_EQ(WhyFull(space, 0), "the worker's disk had room for 9999 files only");
  EXPECT_EQ(WhyNothingFits(space), "") << "what succeeded had room for its files";
  space.files_free = 5;
  EXPECT_EQ(WhyNothingFits(space), "the worker's disk had room for 5 files only");
  // A file system that does not count them.
  EXPECT_EQ(WhyNothingFits(DiskSpace{50 * kMega, 100 * kMega}), "");
  EXPECT_EQ(WhyNothingFits(DiskSpace{kMega - 1, 100 * kMega}), "the worker's disk had 1.0 MB left");
  EXPECT_EQ(WhyNothingFits(absl::UnavailableError("it is gone")), "");
}

}  // namespace
}  // namespace crossmill
