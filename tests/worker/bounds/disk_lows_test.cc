#include "worker/bounds/disk_lows.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/eventually.h"

namespace crossmill::worker {
namespace {

TEST(DiskLowsTest, TheLeastOfEachIsRemembered) {
  std::atomic<uint64_t> free = 100, files = 50;
  std::atomic<int> looks = 0;
  DiskLows lows(
      [&]() -> absl::StatusOr<DiskSpace> {
        ++looks;
        return DiskSpace{free, 1000, files, 500};
      },
      absl::Milliseconds(1));
  const auto seen = [&] {
    const int enough = looks + 2;
    return Eventually([&, enough] { return looks >= enough; });
  };
  free = 7;
  ASSERT_TRUE(seen());
  free = 90;
  files = 3;
  ASSERT_TRUE(seen());
  files = 40;
  const auto lowest = lows.Finish();
  ASSERT_TRUE(lowest);
  EXPECT_EQ(lowest->free, 7u);
  EXPECT_EQ(lowest->total, 1000u);
  EXPECT_EQ(lowest->files_free, 3u);
  EXPECT_EQ(lowest->files_total, 500u);
}

TEST(DiskLowsTest, TheEndIsSeenHoweverShortItWas) {
  uint64_t free = 100;
  DiskLows lows([&]() -> absl::StatusOr<DiskSpace> { return DiskSpace{free, 1000}; }, absl::Hours(1));
  free = 5;
  EXPECT_EQ(lows.Finish()->free, 5u);
}

TEST(DiskLowsTest, NothingIsKnownOfADiskThatCannotBeAsked) {
  EXPECT_FALSE(DiskLows(nullptr).Finish());
  EXPECT_FALSE(DiskLows([]() -> absl::StatusOr<DiskSpace> { return absl::InternalError("gone"); }).Finish());
}

}  // namespace
}  // namespace crossmill::worker
