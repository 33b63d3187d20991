#include "coordinator/room/disk_room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "common/base/files.h"
#include "common/base/room/spare_room.h"
#include "common/base/status.h"
#include "coordinator/room/roomy_blob_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A disk of 1 GB with as much room as a test says.
class DiskRoomTest : public ::testing::Test {
 protected:
  DiskRoomOptions Options() {
    return {.folder = folder_.path(),
            .least_space = 100'000'000,
            .reserve_bytes = 1 << 20,
            .interval = absl::Milliseconds(10),
            .measure = [this](const std::string&) -> absl::StatusOr<DiskSpace> {
              return DiskSpace{
                  .free = free_, .total = 1'000'000'000, .files_free = files_free_, .files_total = 100'000};
            }};
  }
  bool HasReserve() const { return std::filesystem::exists(folder_.path() + "/reserve/bytes"); }

  TemporaryFolder folder_ = TemporaryFolder::Create().value();
  std::atomic<uint64_t> free_ = 500'000'000;
  std::atomic<uint64_t> files_free_ = 90'000;
};

TEST_F(DiskRoomTest, WhatIsNewIsRefusedFirst) {
  DiskRoom room(Options());
  EXPECT_EQ(room.level(), RoomLevel::kEnough);
  EXPECT_OK(room.Check(RoomFor::kNew));
  free_ = 99'000'000;
  room.Look();
  EXPECT_EQ(room.level(), RoomLevel::kNothingNew);
  const absl::Status refused = room.Check(RoomFor::kNew);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_THAT(std::string(Sv(refused.message())), HasSubstr(folder_.path()));
  EXPECT_THAT(std::string(Sv(refused.message())),
              HasSubstr("99.0 MB only, and takes nothing new below 100.0 MB"));
  EXPECT_OK(room.Check(RoomFor::kResults));
  free_ = 49'000'000;
  room.Look();
  EXPECT_TRUE(absl::IsResourceExhausted(room.Check(RoomFor::kResults)));
  EXPECT_EQ(room.refusals(), 2);
}

TEST_F(DiskRoomTest, WhatIsLargeHasToFitAboveTheFloor) {
  DiskRoom room(Options());
  EXPECT_OK(room.Check(RoomFor::kNew, 400'000'000));
  const absl::Status refused = room.Check(RoomFor::kNew, 400'000'001);
  EXPECT_THAT(std::string(Sv(refused.message())), HasSubstr("400.0 MB more would leave less than 100.0 MB"));
  EXPECT_OK(room.Check(RoomFor::kResults, 450'000'000));
  EXPECT_TRUE(absl::IsResourceExhausted(room.Check(RoomFor::kResults, 450'000'001)));
}

TEST_F(DiskRoomTest, ItHealsWithRoomToSpare) {
  free_ = 99'000'000;
  DiskRoom room(Options());
  EXPECT_FALSE(room.Check(RoomFor::kNew).ok());
  free_ = 105'000'000;
  EXPECT_FALSE(room.Check(RoomFor::kNew).ok());
  free_ = 111'000'000;
  EXPECT_OK(room.Check(RoomFor::kNew));
  EXPECT_EQ(room.reason(), "");
}

TEST_F(DiskRoomTest, FilesRunOutAsBytesDo) {
  DiskRoom room(Options());
  files_free_ = 4'000;
  room.Look();
  EXPECT_EQ(room.level(), RoomLevel::kNothingNew);
  EXPECT_THAT(room.reason(), HasSubstr("room for 4000 files only"));
  files_free_ = 2'000;
  room.Look();
  EXPECT_EQ(room.level(), RoomLevel::kRecordOnly);
}

TEST_F(DiskRoomTest, WhatIsWrittenIsSeenBetweenTwoLooks) {
  DiskRoomOptions options = Options();
  options.interval = absl::Hours(1);
  DiskRoom room(std::move(options));
  free_ = 10;
  room.Wrote(1 << 20);
  EXPECT_EQ(room.level(), RoomLevel::kEnough);
  room.Wrote(4 << 20);
  EXPECT_EQ(room.level(), RoomLevel::kRecordOnly);
}

TEST_F(DiskRoomTest, TheReserveIsGivenToWhoAsksAndMadeAgainWhenThereIsRoom) {
  DiskRoom room(Options());
  EXPECT_TRUE(HasReserve());
  free_ = 0;
  EXPECT_TRUE(UseSpareRoom(ENOSPC));
  EXPECT_FALSE(HasReserve());
  EXPECT_EQ(room.level(), RoomLevel::kRecordOnly);
  EXPECT_FALSE(UseSpareRoom(ENOSPC));
  EXPECT_FALSE(UseSpareRoom(EIO));
  // Not from the last bytes there are: they are for results.
  free_ = 50'000'000;
  room.Look();
  EXPECT_FALSE(HasReserve());
  EXPECT_EQ(room.level(), RoomLevel::kRecordOnly);
  free_ = 500'000'000;
  room.Look();
  EXPECT_TRUE(HasReserve());
  EXPECT_EQ(room.level(), RoomLevel::kEnough);
}

TEST_F(DiskRoomTest, AnotherErrorThanAFullDiskReleasesNothing) {
  DiskRoom room(Options());
  EXPECT_FALSE(UseSpareRoom(EIO));
  EXPECT_TRUE(HasReserve());
}

TEST_F(DiskRoomTest, WhereThereIsRoomNothingIsReleased) {
  DiskRoom room(Options());
  EXPECT_FALSE(UseSpareRoom(ENOSPC));
  EXPECT_TRUE(HasReserve());
}

TEST_F(DiskRoomTest, WhoeverWaitsIsToldTheReasonAsSoonAsTheReserveIsUsed) {
  DiskRoomOptions options = Options();
  options.interval = absl::Hours(1);
  DiskRoom room(std::move(options));
  free_ = 0;
  EXPECT_TRUE(UseSpareRoom(ENOSPC));
  EXPECT_THAT(room.reason(), HasSubstr("nothing but its own record"));
}

TEST_F(DiskRoomTest, WithoutItNobodyHasAReserve) {
  { DiskRoom room(Options()); }
  EXPECT_FALSE(UseSpareRoom(ENOSPC));
}

TEST_F(DiskRoomTest, WhoWaitsGoesOnWhenThereIsRoomOrIsStopped) {
  free_ = 10;
  DiskRoom room(Options());
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(room.Wait(RoomFor::kResults, stop.get_token()));
  std::jthread maker([&] { free_ = 500'000'000; });
  EXPECT_TRUE(room.Wait(RoomFor::kNew, {}));
}

TEST_F(DiskRoomTest, ADiskThatCannotBeAskedIsNotCalledFull) {
  DiskRoomOptions options = Options();
  options.measure = [](const std::string&) -> absl::StatusOr<DiskSpace> {
    return absl::UnavailableError("no");
  };
  options.reserve_bytes = 4096;
  DiskRoom room(std::move(options));
  EXPECT_OK(room.Check(RoomFor::kNew));
}

TEST_F(DiskRoomTest, ABlobStoreTakesNothingButGivesWhatItHas) {
  const std::unique_ptr<BlobStore> blobs = MakeMemoryBlobStore();
  DiskRoom room(Options());
  const auto roomy = MakeRoomyBlobStore(*blobs, room, RoomFor::kNew);
  const Digest digest = roomy->PutBytes("kept").value();
  auto begun = roomy->Create({}).value();
  EXPECT_OK(begun->Write("begun"));
  free_ = 60'000'000;
  room.Look();
  EXPECT_TRUE(absl::IsResourceExhausted(roomy->PutBytes("more").status()));
  EXPECT_TRUE(absl::IsResourceExhausted(roomy->Create({}).status()));
  // In the middle of one, too.
  EXPECT_TRUE(absl::IsResourceExhausted(begun->Write("more")));
  EXPECT_EQ(roomy->Get(digest).value(), "kept");
  EXPECT_TRUE(roomy->FindMissing(absl::MakeConstSpan(&digest, 1))->empty());
  EXPECT_OK(MakeRoomyBlobStore(*blobs, room, RoomFor::kResults)->PutBytes("result").status());
}

}  // namespace
}  // namespace crossmill::coordinator
