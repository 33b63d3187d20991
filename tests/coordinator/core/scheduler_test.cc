#include "coordinator/core/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/coordinator/core/scheduler_fixture.h"
#include "tests/support/status_matchers.h"

namespace crossmill::core {
namespace {

SchedulerOptions WithStanding(const DrainedWorkers* drained, const WorkerHealth* health = nullptr) {
  SchedulerOptions options;
  options.drained = drained;
  options.health = health;
  return options;
}

TEST_F(SchedulerTest, FirstComeFirstServed) {
  Connect(Worker("w", "h", 1, "amd64"));
  scheduler_.Enqueue(7, On("amd64"), now_);
  scheduler_.Enqueue(8, On("amd64"), now_);
  auto first = scheduler_.Assign(now_);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].task, 7u);
  EXPECT_TRUE(scheduler_.Assign(now_).empty());
  scheduler_.Finish(first[0].lease);
  auto second = scheduler_.Assign(now_);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].task, 8u);
}

TEST_F(SchedulerTest, NativeBeforeEmulated) {
  Connect(Worker("a-emulates", "h1", 4, "amd64", "arm64"));
  Connect(Worker("b-native", "h2", 1, "arm64"));
  scheduler_.Enqueue(1, On("arm64"), now_);
  scheduler_.Enqueue(2, On("arm64"), now_);
  auto assigned = scheduler_.Assign(now_);
  ASSERT_EQ(assigned.size(), 1u) << "the second waits for the native worker";
  EXPECT_EQ(assigned[0].worker, "b-native");
  EXPECT_FALSE(assigned[0].emulated);
  // A stream that breaks for a moment sends nothing to emulation; a worker that stays away does.
  scheduler_.Disconnect("b-native", now_);
  EXPECT_TRUE(scheduler_.Assign(now_).empty());
  scheduler_.Heartbeat("a-emulates", now_ + absl::Seconds(29));
  scheduler_.Expire(now_ + absl::Seconds(29));
  EXPECT_TRUE(scheduler_.Assign(now_).empty());
  scheduler_.Expire(now_ + absl::Seconds(30));
  assigned = scheduler_.Assign(now_);
  ASSERT_EQ(assigned.size(), 1u);
  EXPECT_EQ(assigned[0].worker, "a-emulates");
  EXPECT_TRUE(assigned[0].emulated);
}

TEST_F(SchedulerTest, NeutralTaskRunsOnAnyArchitecture) {
  Connect(Worker("w", "h", 1, "amd64"));
  Requirements neutral = On("s390x");
  neutral.neutral = true;
  scheduler_.Enqueue(1, neutral, now_);
  auto assigned = scheduler_.Assign(now_);
  ASSERT_EQ(assigned.size(), 1u);
  EXPECT_FALSE(assigned[0].emulated);
}

TEST_F(SchedulerTest, EqualWorkersShareTheLoad) {
  Connect(Worker("w1", "h", 4, "amd64"));
  Connect(Worker("w2", "h", 4, "amd64"));
  for (TaskId task = 1; task <= 8; ++task) scheduler_.Enqueue(task, On("amd64"), now_);
  EXPECT_EQ(scheduler_.Assign(now_).size(), 8u);
  EXPECT_EQ(scheduler_.LeasesOf("w1").size(), 4u);
}

TEST_F(SchedulerTest, ReplicasGoToAnotherHost) {
  Connect(Worker("w1", "host-a", 4, "amd64"));
  Connect(Worker("w2", "host-a", 4, "amd64"));
  Requirements replica = On("amd64");
  replica.spread = Spread::kHosts;
  replica.group = 5;
  replica.avoid.hosts = {"host-a"};
  replica.avoid.workers = {"w1"};
  scheduler_.Enqueue(1, replica, now_);
  EXPECT_TRUE(scheduler_.Assign(now_).empty());
  auto stuck = scheduler_.Unplaceable(now_);
  ASSERT_EQ(stuck.size(), 1u);
  EXPECT_NE(stuck[0].reason.find("--allow-same-host"), std::string::npos) << stuck[0].reason;
  replica.spread = Spread::kWorkers;
  scheduler_.Enqueue(2, replica, now_);
  auto assigned = scheduler_.Assign(now_);
  ASSERT_EQ(assigned.size(), 1u);
  EXPECT_EQ(assigned[0].worker, "w2");
  Connect(Worker("w3", "host-b", 1, "amd64"));
  assigned = scheduler_.Assign(now_);
  ASSERT_EQ(assigned.size(), 1u);
  EXPECT_EQ(assigned[0].worker, "w3");
}

TEST_F(SchedulerTest, UnplaceableNamesThePlatform) {
  Connect(Worker("w", "h", 1, "amd64"));
  scheduler_.Enqueue(1, On("arm64"), now_);
  auto stuck = scheduler_.Unplaceable(now_);
  ASSERT_EQ(stuck.size(), 1u);
  EXPECT_NE(stuck[0].reason.find("linux/arm64"), std::string::npos);
  EXPECT_EQ(stuck[0].since, now_);
  EXPECT_EQ(scheduler_.Unplaceable(now_ + absl::Seconds(5)).at(0).since, now_);
}

TEST_F(SchedulerTest, GraceCountsFromWhenNobodyCouldRunIt) {
  Connect(Worker("w", "h", 1, "amd64"));
  scheduler_.Enqueue(1, On("amd64"), now_);
  scheduler_.Enqueue(2, On("amd64"), now_);
  ASSERT_EQ(scheduler_.Assign(now_).size(), 1u);
  // It waits behind another for an hour, then the stream breaks.
  now_ += absl::Hours(1);
  scheduler_.Heartbeat("w", now_);
  scheduler_.Disconnect("w", now_);
  now_ += absl::Seconds(29);
  scheduler_.Expire(now_);
  EXPECT_TRUE(scheduler_.Unplaceable(now_).empty()) << "the worker is still present";
  now_ += absl::Seconds(1);
  scheduler_.Expire(now_);
  ASSERT_EQ(scheduler_.Unplaceable(now_).size(), 1u);
  EXPECT_EQ(scheduler_.Unplaceable(now_ + absl::Seconds(3)).at(0).since, now_);
  // Somebody came: the next time counts anew.
  Connect(Worker("w2", "h", 0, "amd64"));
  EXPECT_TRUE(scheduler_.Unplaceable(now_).empty());
  now_ += absl::Seconds(60);
  scheduler_.Expire(now_);
  EXPECT_EQ(scheduler_.Unplaceable(now_).at(0).since, now_);
}

TEST_F(SchedulerTest, WorkersFromBeforeARestartAreWaitedForUntilTheTimeOut) {
  scheduler_.Expect(Worker("native", "h2", 1, "arm64"), now_);
  Connect(Worker("emulates", "h1", 4, "amd64", "arm64"));
  scheduler_.Enqueue(1, On("arm64"), now_);
  EXPECT_TRUE(scheduler_.Assign(now_).empty()) << "the native worker is about to come back";
  EXPECT_TRUE(scheduler_.Unplaceable(now_).empty());
  EXPECT_TRUE(scheduler_.TakeDeparted().empty());
  now_ += absl::Seconds(30);
  scheduler_.Heartbeat("emulates", now_);
  scheduler_.Expire(now_);
  EXPECT_EQ(scheduler_.TakeDeparted(), std::vector<std::string>{"native"});
  EXPECT_TRUE(scheduler_.TakeDeparted().empty());
  ASSERT_EQ(scheduler_.Assign(now_).size(), 1u);
}

TEST_F(SchedulerTest, DrainingWorkerThatLeavesIsNotWaitedFor) {
  scheduler_.Connect(Worker("w", "h", 1, "amd64"), {}, true, now_);
  scheduler_.Enqueue(1, On("amd64"), now_);
  scheduler_.Disconnect("w", now_);
  EXPECT_EQ(scheduler_.Unplaceable(now_).size(), 1u);
  EXPECT_EQ(scheduler_.TakeDeparted(), std::vector<std::string>{"w"});
}

TEST_F(SchedulerTest, SilenceExpiresTheLeaseAndFencesItsResult) {
  Connect(Worker("w", "h", 1, "amd64"));
  scheduler_.Enqueue(1, On("amd64"), now_);
  const LeaseNumber lease = scheduler_.Assign(now_).at(0).lease;
  EXPECT_OK(scheduler_.Check(lease, "w"));
  EXPECT_FALSE(scheduler_.Check(lease, "other").ok());
  EXPECT_TRUE(scheduler_.Expire(now_ + absl::Seconds(29)).empty());
  auto lost = scheduler_.Expire(now_ + absl::Seconds(30));
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].task, 1u);
  EXPECT_TRUE(absl::IsAborted(scheduler_.Check(lease, "w")));
}

TEST_F(SchedulerTest, WorkerHeardAgainAfterSilenceGetsTasksAgain) {
  Connect(Worker("w", "h", 1, "amd64"));
  scheduler_.Enqueue(1, On("amd64"), now_);
  ASSERT_EQ(scheduler_.Assign(now_).size(), 1u);
  now_ += absl::Seconds(30);
  ASSERT_EQ(scheduler_.Expire(now_).size(), 1u);
  scheduler_.Enqueue(1, On("amd64"), now_);
  EXPECT_TRUE(scheduler_.Assign(now_).empty());
  now_ += absl::Seconds(30);
  EXPECT_TRUE(scheduler_.Expire(now_).empty());
  scheduler_.Heartbeat("w", now_);
  EXPECT_EQ(scheduler_.Assign(now_).size(), 1u);
}

TEST_F(SchedulerTest, LateHeartbeatDoesNotConnectAWorkerThatHasLeft) {
  Connect(Worker("w", "h", 1, "amd64"));
  scheduler_.Disconnect("w", now_);
  scheduler_.Heartbeat("w", now_);
  scheduler_.Enqueue(1, On("amd64"), now_);
  EXPECT_TRUE(scheduler_.Assign(now_).empty());
}

TEST_F(SchedulerTest, ReconnectKeepsWhatTheWorkerStillHas) {
  Connect(Worker("w", "h", 2, "amd64"));
  scheduler_.Enqueue(1, On("amd64"), now_);
  scheduler_.Enqueue(2, On("amd64"), now_);
  auto assigned = scheduler_.Assign(now_);
  ASSERT_EQ(assigned.size(), 2u);
  scheduler_.Disconnect("w", now_);
  auto kept = scheduler_.Connect(Worker("w", "h", 2, "amd64"), {assigned[0].lease, 99}, false, now_);
  EXPECT_EQ(kept, std::set<LeaseNumber>{assigned[0].lease});
  auto lost = scheduler_.Expire(now_);
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].lease, assigned[1].lease);
}

TEST_F(SchedulerTest, RestoredLeaseWaitsForItsWorkerUntilTheTimeOut) {
  scheduler_.Restore(41, 1, On("amd64"), "w", now_);
  EXPECT_TRUE(scheduler_.Expire(now_ + absl::Seconds(10)).empty());
  auto kept = scheduler_.Connect(Worker("w", "h", 1, "amd64"), {41}, false, now_ + absl::Seconds(10));
  EXPECT_EQ(kept.size(), 1u);
  EXPECT_OK(scheduler_.Check(41, "w"));
}

TEST_F(SchedulerTest, DrainingWorkerTakesNothingNew) {
  scheduler_.Connect(Worker("w", "h", 1, "amd64"), {}, true, now_);
  scheduler_.Enqueue(1, On("amd64"), now_);
  EXPECT_TRUE(scheduler_.Assign(now_).empty());
}

TEST_F(SchedulerTest, StepsThatWaitHoldNoProcessorAndThoseThatComputeDo) {
  Connect(WorkerByLoad("w", "h", 4));
  for (TaskId task = 1; task <= 50; ++task) scheduler_.Enqueue(task, Using(0.01), now_);
  for (TaskId task = 51; task <= 60; ++task) scheduler_.Enqueue(task, Using(1.0), now_);
  std::map<bool, int> placed;
  for (const Assignment& assignment : scheduler_.Assign(now_)) ++placed[assignment.task <= 50];
  EXPECT_EQ(placed[true], 50);
  EXPECT_EQ(placed[false], 3) << "four processors, half of one is asleep already";
}

TEST_F(SchedulerTest, WhatWaitsForAProcessorHoldsUpNothingThatNeedsNone) {
  Connect(WorkerByLoad("w", "h", 2));
  scheduler_.Enqueue(1, Using(2.0), now_);
  scheduler_.Enqueue(2, Using(2.0), now_);
  scheduler_.Enqueue(3, Using(0.0), now_);
  const auto assigned = scheduler_.Assign(now_);
  ASSERT_EQ(assigned.size(), 2u);
  EXPECT_EQ(assigned[0].task, 1u);
  EXPECT_EQ(assigned[1].task, 3u);
  scheduler_.Finish(assigned[0].lease);
  EXPECT_EQ(scheduler_.Assign(now_).at(0).task, 2u);
}

TEST_F(SchedulerTest, StepsThatUseLittleWithoutEndDoNotKeepALargeOneWaitingForEver) {
  Connect(WorkerByLoad("w", "h", 4));
  for (TaskId task = 1; task <= 6; ++task) scheduler_.Enqueue(task, Using(0.3), now_);
  EXPECT_EQ(scheduler_.Assign(now_).size(), 6u);
  scheduler_.Enqueue(10, Using(4.0), now_);
  EXPECT_TRUE(scheduler_.Assign(now_ + absl::Seconds(29)).empty());
  EXPECT_EQ(scheduler_.Assign(now_ + absl::Seconds(30)).size(), 1u);
  scheduler_.Enqueue(11, Using(4.0), now_);
  EXPECT_TRUE(scheduler_.Assign(now_ + absl::Minutes(5)).empty()) << "one, not all of them";
}

TEST_F(SchedulerTest, WorkersOfOneMachineShareItsRoom) {
  Connect(WorkerByLoad("w1", "h", 4));
  Connect(WorkerByLoad("w2", "h", 4));
  Connect(WorkerByLoad("w3", "other", 4));
  for (TaskId task = 1; task <= 20; ++task) scheduler_.Enqueue(task, Using(1.0), now_);
  EXPECT_EQ(scheduler_.Assign(now_).size(), 8u);
  EXPECT_EQ(scheduler_.LeasesOf("w1").size(), 2u);
  EXPECT_EQ(scheduler_.LeasesOf("w2").size(), 2u);
  EXPECT_EQ(scheduler_.LeasesOf("w3").size(), 4u);
}

TEST_F(SchedulerTest, ABusyMachineStillTakesHalfAsManyTasksAsItHasProcessors) {
  Connect(WorkerByLoad("w", "h", 4));
  v1::HostLoad load;
  load.set_busy_cpus(40);
  scheduler_.Report("w", load, now_);
  for (TaskId task = 1; task <= 9; ++task) scheduler_.Enqueue(task, Using(1.0), now_);
  EXPECT_EQ(scheduler_.Assign(now_).size(), 2u);
  load.set_busy_cpus(0);
  scheduler_.Report("w", load, now_);
  EXPECT_EQ(scheduler_.Assign(now_).size(), 2u);
}

TEST_F(SchedulerTest, AClockIsJudgedByTheLoadThatCameTheShortestWay) {
  Connect(WorkerByLoad("w", "h", 4));
  const auto ahead = [this] { return scheduler_.Status().workers.at(0).clock_ahead; };
  scheduler_.Report("w", v1::HostLoad(), now_);
  EXPECT_EQ(ahead(), std::nullopt) << "it did not say";
  scheduler_.Report("w", v1::HostLoad(), now_, -absl::Seconds(7));
  EXPECT_EQ(ahead(), -absl::Seconds(7));
  scheduler_.Report("w", v1::HostLoad(), now_, -absl::Milliseconds(2));
  scheduler_.Report("w", v1::HostLoad(), now_, -absl::Seconds(4));
  EXPECT_EQ(ahead(), -absl::Milliseconds(2));
  // Set back since.
  for (int i = 0; i < 20; ++i) scheduler_.Report("w", v1::HostLoad(), now_, -absl::Hours(1));
  EXPECT_EQ(ahead(), -absl::Hours(1));
}

TEST_F(SchedulerTest, FixedSlotsAreFilledWhateverTheMachineDoes) {
  v1::WorkerInfo info = WorkerByLoad("w", "h", 2);
  info.set_slots_by_load(false);
  info.set_slots(5);
  Connect(info);
  v1::HostLoad load;
  load.set_busy_cpus(40);
  scheduler_.Report("w", load, now_);
  for (TaskId task = 1; task <= 9; ++task) scheduler_.Enqueue(task, Using(2.0), now_);
  EXPECT_EQ(scheduler_.Assign(now_).size(), 5u);
}

TEST_F(SchedulerTest, AWorkerThatMovesToAnotherHostTakesItsTasksAlong) {
  Connect(WorkerByLoad("w", "h", 2));
  scheduler_.Enqueue(1, Using(2.0), now_);
  const LeaseNumber lease = scheduler_.Assign(now_).at(0).lease;
  scheduler_.Connect(WorkerByLoad("w", "h2", 2), {lease}, false, now_);
  Connect(WorkerByLoad("x", "h", 2));
  scheduler_.Enqueue(2, Using(2.0), now_);
  scheduler_.Enqueue(3, Using(2.0), now_);
  const auto assigned = scheduler_.Assign(now_);
  ASSERT_EQ(assigned.size(), 1u);
  EXPECT_EQ(assigned[0].worker, "x");
}

TEST_F(SchedulerTest, AWorkerThatReconnectsFindsTheLoadOfItsMachineAsItWas) {
  Connect(WorkerByLoad("w", "h", 4));
  v1::HostLoad load;
  load.set_busy_cpus(40);
  scheduler_.Report("w", load, now_);
  scheduler_.Disconnect("w", now_);
  Connect(WorkerByLoad("w", "h", 4));
  for (TaskId task = 1; task <= 9; ++task) scheduler_.Enqueue(task, Using(1.0), now_);
  std::set<LeaseNumber> leases;
  for (const Assignment& assignment : scheduler_.Assign(now_)) leases.insert(assignment.lease);
  EXPECT_EQ(leases.size(), 2u) << "half as many as it has processors";
  // After the time-out nothing is known of it any more.
  now_ += absl::Seconds(30);
  scheduler_.Expire(now_);
  Connect(WorkerByLoad("w", "h", 4));
  EXPECT_EQ(scheduler_.Assign(now_).size(), 4u);
}

TEST_F(SchedulerTest, AWorkerThatReconnectsKeepsTheRoomOfItsTasksTaken) {
  Connect(WorkerByLoad("w", "h", 4));
  scheduler_.Enqueue(1, Using(4.0), now_);
  const LeaseNumber lease = scheduler_.Assign(now_).at(0).lease;
  Connect(WorkerByLoad("w", "h", 4), {lease});
  for (TaskId task = 2; task <= 9; ++task) scheduler_.Enqueue(task, Using(1.0), now_);
  EXPECT_EQ(scheduler_.Assign(now_).size(), 1u);
  scheduler_.Finish(lease);
  EXPECT_EQ(scheduler_.Assign(now_).size(), 3u);
}

TEST_F(SchedulerTest, APickyTaskThatFindsNobodyHoldsUpNoOther) {
  Connect(Worker("w1", "host-a", 1, "amd64"));
  Requirements elsewhere = On("amd64");
  elsewhere.spread = Spread::kHosts;
  elsewhere.avoid.hosts = {"host-a"};
  Requirements anywhere = elsewhere;
  anywhere.avoid.hosts = {"host-b"};
  scheduler_.Enqueue(1, elsewhere, now_);
  scheduler_.Enqueue(2, anywhere, now_);
  const auto assigned = scheduler_.Assign(now_);
  ASSERT_EQ(assigned.size(), 1u);
  EXPECT_EQ(assigned[0].task, 2u);
}

// A thousand workers that come, go silent and return; every task is done exactly once, no worker ever
// has more than its slots, and nothing is left.
TEST_F(SchedulerTest, SimulationLosesNothing) {
  std::mt19937 random(42);
  constexpr int kWorkers = 1000;
  constexpr TaskId kTasks = 5000;
  for (int i = 0; i < kWorkers; ++i) {
    Connect(Worker("w" + std::to_string(i), "h" + std::to_string(i / 2), 1 + i % 3,
                   i % 4 == 0 ? "arm64" : "amd64"));
  }
  std::set<TaskId> open;
  for (TaskId task = 1; task <= kTasks; ++task) {
    scheduler_.Enqueue(task, On(task % 5 == 0 ? "arm64" : "amd64"), now_);
    open.insert(task);
  }
  std::map<LeaseNumber, Assignment> running;
  std::map<TaskId, int> finished;
  for (int round = 0; round < 500 && !open.empty(); ++round) {
    for (const Assignment& assignment : scheduler_.Assign(now_)) running[assignment.lease] = assignment;
    std::set<TaskId> leased;
    for (const auto& [lease, assignment] : running) leased.insert(assignment.task);
    std::set<std::string> waiting;
    for (TaskId task : open) {
      if (!leased.contains(task)) waiting.insert(task % 5 == 0 ? "arm64" : "amd64");
    }
    for (const WorkerStatus& worker : scheduler_.Status().workers) {
      ASSERT_LE(worker.leases.size(), worker.info.slots());
      const bool has_room = worker.connected && worker.leases.size() < worker.info.slots();
      ASSERT_FALSE(has_room && waiting.contains(worker.info.platforms(0).platform().architecture()))
          << worker.info.name() << " has a free slot while a task waits for one";
    }
    now_ += absl::Seconds(10);
    for (int i = 0; i < kWorkers; ++i) {
      if (random() % 50 != 0) scheduler_.Heartbeat("w" + std::to_string(i), now_);
    }
    for (auto it = running.begin(); it != running.end();) {
      if (random() % 2 == 0 || !scheduler_.Check(it->first, it->second.worker).ok()) {
        ++it;
        continue;
      }
      scheduler_.Finish(it->first);
      ++finished[it->second.task];
      open.erase(it->second.task);
      it = running.erase(it);
    }
    for (const LostLease& lost : scheduler_.Expire(now_)) {
      running.erase(lost.lease);
      scheduler_.Enqueue(lost.task, On(lost.task % 5 == 0 ? "arm64" : "amd64"), now_);
    }
    for (const WorkerStatus& worker : scheduler_.Status().workers) {
      if (!worker.connected) Connect(worker.info);
    }
  }
  EXPECT_TRUE(open.empty());
  for (const auto& [task, times] : finished) EXPECT_EQ(times, 1) << task;
}

TEST_F(SchedulerTest, AnUnfitWorkerGetsNothingNewWhileItIs) {
  WorkerHealth health;
  Scheduler scheduler(WithStanding(nullptr, &health), CountedLeases());
  scheduler.Connect(Worker("w1", "h1", 2, "amd64"), {}, false, now_);
  for (int64_t build = 1; build <= 3; ++build) health.Failed("w1", build, "broken", now_);
  EXPECT_TRUE(scheduler.Expire(now_).empty());
  scheduler.Enqueue(1, On("amd64"), now_);
  EXPECT_TRUE(scheduler.Assign(now_).empty());
  EXPECT_TRUE(scheduler.Unplaceable(now_).empty()) << "it is tried again";
  EXPECT_TRUE(scheduler.Status().workers[0].unfit.has_value());
  // Another takes it.
  scheduler.Connect(Worker("w2", "h2", 1, "amd64"), {}, false, now_);
  const std::vector<Assignment> elsewhere = scheduler.Assign(now_);
  ASSERT_EQ(elsewhere.size(), 1u);
  EXPECT_EQ(elsewhere[0].worker, "w2");
  // Its rest ends with time alone.
  scheduler.Enqueue(2, On("amd64"), now_);
  now_ += absl::Minutes(1);
  scheduler.Heartbeat("w1", now_);
  scheduler.Heartbeat("w2", now_);
  EXPECT_TRUE(scheduler.Expire(now_).empty());
  const std::vector<Assignment> again = scheduler.Assign(now_);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].worker, "w1");
}

TEST_F(SchedulerTest, WhatOnlyAFullWorkerCouldRunIsToldWhy) {
  WorkerHealth health;
  Scheduler scheduler(WithStanding(nullptr, &health), CountedLeases());
  scheduler.Connect(Worker("w1", "h1", 2, "amd64"), {}, false, now_);
  scheduler.Enqueue(1, On("amd64"), now_);
  ASSERT_EQ(scheduler.Assign(now_).size(), 1u);
  health.ReportSpace("w1", 1, 1'000'000'000);
  scheduler.Enqueue(2, On("amd64"), now_);
  EXPECT_TRUE(scheduler.Expire(now_).empty());
  EXPECT_TRUE(scheduler.Assign(now_).empty());
  EXPECT_TRUE(scheduler.Unplaceable(now_).empty()) << "what it runs may make room";
  scheduler.Finish(1);
  const std::vector<UnplaceableTask> waiting = scheduler.Unplaceable(now_);
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_NE(waiting[0].reason.find("worker w1 takes none: its disk has 0.00 GB left"), std::string::npos)
      << waiting[0].reason;
  health.ReportSpace("w1", 2'000'000'000, 1'000'000'000);
  EXPECT_TRUE(scheduler.Expire(now_).empty());
  EXPECT_EQ(scheduler.Assign(now_).size(), 1u);
}

TEST_F(SchedulerTest, ADrainedWorkerFinishesAndGetsNothingNew) {
  DrainedWorkers drained;
  Scheduler scheduler(WithStanding(&drained), CountedLeases());
  scheduler.Connect(Worker("w1", "h1", 2, "amd64"), {}, false, now_);
  scheduler.Enqueue(1, On("amd64"), now_);
  ASSERT_EQ(scheduler.Assign(now_).size(), 1u);
  drained.Set("w1", true);
  EXPECT_TRUE(scheduler.Status().workers[0].drained) << "it is told at once";
  EXPECT_TRUE(scheduler.Expire(now_).empty()) << "what it runs goes on";
  scheduler.Enqueue(2, On("amd64"), now_);
  EXPECT_TRUE(scheduler.Assign(now_).empty());
  const std::vector<UnplaceableTask> waiting = scheduler.Unplaceable(now_);
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].since, absl::InfiniteFuture()) << "it is there and will take tasks again";
  EXPECT_THAT(waiting[0].reason, ::testing::HasSubstr("drained: w1"));
  // Coming back changes nothing about it.
  scheduler.Connect(Worker("w1", "h1", 2, "amd64"), {1}, false, now_);
  EXPECT_TRUE(scheduler.Assign(now_).empty());
  // Others take them.
  scheduler.Connect(Worker("w2", "h2", 1, "amd64"), {}, false, now_);
  EXPECT_TRUE(scheduler.Unplaceable(now_).empty()) << "somebody will";
  EXPECT_EQ(scheduler.Assign(now_).at(0).worker, "w2");
  scheduler.Enqueue(3, On("amd64"), now_);
  EXPECT_TRUE(scheduler.Assign(now_).empty());
  drained.Set("w1", false);
  scheduler.Expire(now_);
  EXPECT_EQ(scheduler.Assign(now_).at(0).worker, "w1");
}

// It was said to be stopping, for which nobody can do anything.
TEST_F(SchedulerTest, AWorkerThatRestsAndIsDrainedIsCalledDrained) {
  DrainedWorkers drained;
  WorkerHealth health;
  Scheduler scheduler(WithStanding(&drained, &health), CountedLeases());
  scheduler.Connect(Worker("w1", "h1", 2, "amd64"), {}, false, now_);
  for (int64_t build = 1; build <= 3; ++build) health.Failed("w1", build, "a broken runtime", now_);
  drained.Set("w1", true);
  scheduler.Expire(now_);
  scheduler.Enqueue(1, On("amd64"), now_);
  const std::vector<UnplaceableTask> waiting = scheduler.Unplaceable(now_);
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_THAT(waiting[0].reason, ::testing::HasSubstr("drained: w1"));
}

// Nobody says when it will be believed again: what only it could run is given up as if it were away.
TEST_F(SchedulerTest, ADistrustedWorkerIsAsGoodAsAway) {
  DrainedWorkers drained;
  Scheduler scheduler(WithStanding(&drained), CountedLeases());
  scheduler.Connect(Worker("w1", "h1", 2, "amd64"), {}, false, now_);
  scheduler.Enqueue(1, On("amd64"), now_);
  drained.SetDistrusted("w1", true);
  scheduler.Expire(now_);
  EXPECT_TRUE(scheduler.Assign(now_).empty());
  const std::vector<UnplaceableTask> lost = scheduler.Unplaceable(now_);
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].since, now_);
  EXPECT_THAT(lost[0].reason, ::testing::HasSubstr("worker w1 takes none: it is distrusted"));
  drained.SetDistrusted("w1", false);
  scheduler.Expire(now_);
  EXPECT_TRUE(scheduler.Unplaceable(now_).empty());
  EXPECT_EQ(scheduler.Assign(now_).size(), 1u);
}

}  // namespace
}  // namespace crossmill::core
