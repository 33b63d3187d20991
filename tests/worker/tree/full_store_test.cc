#include "worker/tree/full_store.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/status/statusor.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

const absl::Duration kSoon = absl::Milliseconds(1);

TEST(FullStore, WhatThePeerHasNoRoomForIsWrittenWhenThereIsSome) {
  int attempts = 0;
  const auto written = WriteWhenThereIsRoom(
      {},
      [&]() -> absl::StatusOr<int> {
        if (++attempts < 4) return Annotate(OfPeer(absl::ResourceExhaustedError("full")), "writing a blob");
        return 7;
      },
      kSoon);
  ASSERT_OK(written);
  EXPECT_EQ(*written, 7);
  EXPECT_EQ(attempts, 4);
}

TEST(FullStore, AFullDiskOfItsOwnIsToldAtOnce) {
  int attempts = 0;
  const auto written = WriteWhenThereIsRoom(
      {},
      [&]() -> absl::StatusOr<int> {
        ++attempts;
        return absl::ResourceExhaustedError("no space left on device");
      },
      kSoon);
  EXPECT_TRUE(absl::IsResourceExhausted(written.status()));
  EXPECT_EQ(attempts, 1);
}

TEST(FullStore, WhoIsCancelledWaitsNoLonger) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto written = WriteWhenThereIsRoom(
      stop.get_token(), []() -> absl::StatusOr<int> { return OfPeer(absl::ResourceExhaustedError("full")); },
      absl::Hours(1));
  EXPECT_TRUE(absl::IsCancelled(written.status()));
}

TEST(FullStore, OnlyAFullDiskIsWaitedFor) {
  EXPECT_FALSE(HasPeerNoRoom(OfPeer(absl::UnavailableError("gone"))));
  EXPECT_FALSE(HasPeerNoRoom(absl::OkStatus()));
}

}  // namespace
}  // namespace crossmill::worker
