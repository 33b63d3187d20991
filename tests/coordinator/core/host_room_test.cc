#include "coordinator/core/host_room.h"

#include <gtest/gtest.h>

namespace crossmill::core {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

class HostRoomTest : public ::testing::Test {
 protected:
  HostRoomTest() { room_.SetCpus(2); }

  // So many tasks as there is room for.
  int Fill(const ExpectedUse& use) {
    int placed = 0;
    while (placed < 1000 && room_.Admits(use)) {
      room_.Add(next_++, use, now_);
      ++placed;
    }
    return placed;
  }
  void Report(double busy, absl::Duration later, uint64_t available = 0, double pressure = 0) {
    now_ += later;
    v1::HostLoad load;
    load.set_busy_cpus(busy);
    load.set_available_memory(available);
    load.set_total_memory(available == 0 ? 0 : 16 * kGiB);
    load.set_memory_pressure(pressure);
    room_.Report(load, now_);
  }

  HostRoom room_;
  uint64_t next_ = 1;
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

TEST_F(HostRoomTest, StepsThatSleepHoldNoProcessor) {
  EXPECT_EQ(Fill({0.01, 0}), 1000);
  room_.Add(next_++, {2.0, 0}, now_);
  EXPECT_TRUE(room_.Admits({0.01, 0})) << "they need not wait for a processor";
}

TEST_F(HostRoomTest, StepsThatComputeFillIt) {
  EXPECT_EQ(Fill({1.0, 0}), 2);
  room_.Remove(1);
  EXPECT_EQ(Fill({0.5, 0}), 2);
}

TEST_F(HostRoomTest, NeverSeenOnesAreFourForAProcessorUntilTheyAreMeasured) {
  EXPECT_EQ(Fill({}), 8);
  Report(0.1, absl::Seconds(1));
  EXPECT_EQ(Fill({}), 0) << "too young to be in the measure";
  Report(0.1, absl::Seconds(1));
  EXPECT_EQ(Fill({}), 7) << "they sleep";
  Report(2.0, absl::Seconds(2));
  EXPECT_EQ(Fill({}), 0) << "they compute";
}

TEST_F(HostRoomTest, AKnownCompilerCountsWhileItWaitsForADownload) {
  room_.Add(1, {1.8, 0}, now_);
  Report(0.0, absl::Seconds(5));
  EXPECT_NEAR(room_.Used(), 1.8, 0.001);
  EXPECT_FALSE(room_.Admits({1.0, 0}));
  EXPECT_TRUE(room_.Admits({0.1, 0}));
}

TEST_F(HostRoomTest, OtherWorkOfTheMachineCounts) {
  Report(1.9, absl::Seconds(1));
  EXPECT_FALSE(room_.Admits({1.0, 0}));
  EXPECT_FALSE(room_.Admits({}));
  EXPECT_TRUE(room_.Admits({0.05, 0}));
}

TEST_F(HostRoomTest, WhatATaskUsedIsFreeAtOnceWhenItEnds) {
  room_.Add(1, {1.0, 0}, now_);
  room_.Add(2, {}, now_);
  Report(2.0, absl::Seconds(3));
  room_.Remove(1);
  EXPECT_NEAR(room_.Used(), 1.0, 0.001);
  room_.Remove(2);
  EXPECT_NEAR(room_.Used(), 0.0, 0.001) << "the rest was the other's";
}

TEST_F(HostRoomTest, ATaskFromALargerMachineCanRun) {
  EXPECT_TRUE(room_.Admits({64.0, 0}));
  Report(0.5, absl::Seconds(1));
  EXPECT_FALSE(room_.Admits({64.0, 0}));
}

TEST_F(HostRoomTest, NothingStaysChargedWhenTheMachineIsSaidToHaveAnotherSizeMeanwhile) {
  room_.SetCpus(8);
  room_.Add(1, {8.0, 0}, now_);
  room_.Add(2, {}, now_);
  // Another worker of the machine, which sees fewer of its processors.
  room_.SetCpus(2);
  room_.Remove(1);
  room_.Remove(2);
  EXPECT_NEAR(room_.Used(), 0.0, 0.001);
  EXPECT_TRUE(room_.Admits({2.0, 0}));
}

TEST_F(HostRoomTest, MemoryThatIsPromisedIsNotPromisedAgain) {
  Report(0, absl::Seconds(1), 4 * kGiB);
  EXPECT_FALSE(room_.Admits({0.1, 4 * kGiB}));
  EXPECT_EQ(Fill({0.1, kGiB}), 3);
  Report(0.1, absl::Seconds(3), kGiB);
  EXPECT_EQ(Fill({0.1, kGiB}), 0) << "measured now, and a reserve stays free";
  EXPECT_TRUE(room_.Admits({0.1, 64 << 20}));
  Report(0.1, absl::Seconds(3), kGiB, 0.5);
  EXPECT_FALSE(room_.Admits({0.1, 1})) << "the machine swaps";
}

}  // namespace
}  // namespace crossmill::core
