#include "coordinator/metrics/platform_states.h"

#include <gtest/gtest.h>

#include "common/words/platform.h"

namespace crossmill::coordinator {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1000);

core::WorkerStatus Worker(const std::vector<std::string>& native, const std::vector<std::string>& emulated) {
  core::WorkerStatus worker;
  worker.connected = true;
  worker.info.set_slots(4);
  for (const auto* platforms : {&native, &emulated}) {
    for (const std::string& name : *platforms) {
      v1::PlatformSupport& support = *worker.info.add_platforms();
      *support.mutable_platform() = ParsePlatform(name).value();
      support.set_emulated(platforms == &emulated);
    }
  }
  return worker;
}

v1::PlatformState StateOf(const std::vector<v1::PlatformState>& states, const std::string& platform) {
  for (const v1::PlatformState& state : states) {
    if (state.platform() == platform) return state;
  }
  return {};
}

TEST(PlatformStatesTest, TasksAndWorkersOfEach) {
  core::SchedulerStatus status;
  status.platforms["linux/arm64"] = {.queued = 3, .running = 1, .oldest = kNow - absl::Seconds(90)};
  status.platforms[""] = {.queued = 1, .running = 0, .oldest = kNow + absl::Seconds(5)};
  status.workers.push_back(Worker({"linux/arm64"}, {"linux/amd64"}));
  status.workers.push_back(Worker({"linux/arm64"}, {}));
  status.workers.back().draining = true;
  status.workers.push_back(Worker({"linux/arm64"}, {}));
  status.workers.back().unfit = core::Unfitness{};
  status.workers.push_back(Worker({"linux/arm64"}, {}));
  status.workers.back().connected = false;
  PlatformWords words;
  const auto states = PlatformStatesOf(status, words, kNow);
  EXPECT_EQ(states.size(), UsualPlatforms().size() + 1);
  const v1::PlatformState arm = StateOf(states, "linux/arm64");
  EXPECT_EQ(arm.tasks_queued(), 3);
  EXPECT_EQ(arm.tasks_running(), 1);
  EXPECT_EQ(arm.longest_wait_seconds(), 90);
  EXPECT_EQ(arm.native().connected(), 3);
  EXPECT_EQ(arm.native().draining(), 1);
  EXPECT_EQ(arm.native().unfit(), 1);
  EXPECT_EQ(arm.native().slots(), 4);
  EXPECT_EQ(arm.emulated().connected(), 0);
  EXPECT_EQ(StateOf(states, "linux/amd64").emulated().slots(), 4);
  EXPECT_EQ(StateOf(states, "linux/s390x").tasks_queued(), 0)
      << "an autoscaler asks for it before anybody needs it";
  EXPECT_EQ(StateOf(states, "any").tasks_queued(), 1);
  EXPECT_EQ(StateOf(states, "any").longest_wait_seconds(), 0) << "clocks of two threads";
}

TEST(PlatformStatesTest, WhatIsBeyondTheBoundIsAddedUp) {
  core::SchedulerStatus status;
  for (int i = 0; i < 100; ++i)
    status.platforms["linux/made-up-" + std::to_string(i)] = {
        .queued = 1, .running = 0, .oldest = kNow - absl::Seconds(i)};
  PlatformWords words;
  const auto states = PlatformStatesOf(status, words, kNow);
  EXPECT_EQ(states.size(), PlatformWords::kMost + 2) << "with any and other";
  int64_t queued = 0;
  for (const v1::PlatformState& state : states) queued += state.tasks_queued();
  EXPECT_EQ(queued, 100);
  EXPECT_EQ(StateOf(states, "other").longest_wait_seconds(), 99);
}

}  // namespace
}  // namespace crossmill::coordinator
