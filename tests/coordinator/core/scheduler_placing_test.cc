// Which task is first, where it goes, and whether it waits for a native worker.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "coordinator/core/critical_path.h"
#include "tests/coordinator/core/messages.h"
#include "tests/coordinator/core/scheduler_fixture.h"

namespace crossmill::core {
namespace {

Requirements Lasting(absl::Duration native, absl::Duration path) {
  Requirements requirements = On("amd64");
  requirements.time.native = native;
  requirements.path = path;
  return requirements;
}

Requirements Arm(std::optional<absl::Duration> native, std::optional<absl::Duration> emulated) {
  Requirements requirements = On("arm64");
  requirements.time = {native, emulated};
  return requirements;
}

std::vector<TaskId> TasksOf(const std::vector<Assignment>& assignments) {
  std::vector<TaskId> tasks;
  for (const Assignment& assignment : assignments) tasks.push_back(assignment.task);
  return tasks;
}

using Tasks = std::vector<TaskId>;

// ---- who is first ----

TEST_F(SchedulerTest, TheLongestPathIsFirstAndEqualOnesAsTheyCame) {
  Connect(Worker("w", "h", 5, "amd64"));
  scheduler_.Enqueue(1, Lasting(absl::Seconds(1), absl::Seconds(5)), now_);
  scheduler_.Enqueue(2, Lasting(absl::Seconds(1), absl::Seconds(60)), now_);
  scheduler_.Enqueue(3, Lasting(absl::Seconds(90), absl::Seconds(90)), now_);
  scheduler_.Enqueue(4, Lasting(absl::Seconds(2), absl::Seconds(60)), now_);
  scheduler_.Enqueue(5, On("amd64"), now_);
  EXPECT_EQ(TasksOf(scheduler_.Assign(now_)), (Tasks{3, 2, 4, 1, 5}));
}

TEST(QueueRankTest, OvertakesByNoMoreThanItsPathIsLonger) {
  const absl::Time came = absl::FromUnixSeconds(1000);
  const QueueRank early = RankOf(came, absl::Seconds(10), 1);
  struct {
    absl::Duration later;
    absl::Duration path;
    bool first;
  } const cases[] = {
      {absl::ZeroDuration(), absl::Seconds(10), false},   {absl::ZeroDuration(), absl::Seconds(11), true},
      {absl::Seconds(49), absl::Seconds(60), true},       {absl::Seconds(50), absl::Seconds(60), false},
      {absl::Minutes(9), absl::Hours(100), true},         {kMostHeadStart, absl::Hours(100), false},
      {absl::ZeroDuration(), absl::Seconds(-100), false},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(RankOf(came + each.later, each.path, 2) < early, each.first)
        << each.later << " later with a path of " << each.path;
  }
}

// More comes than the farm can do, all of it with long paths. Who was first is overtaken by what comes within
// the head start, and by nothing else.
TEST_F(SchedulerTest, AnEarlyBuildIsNotStarvedByLongOnesThatFollow) {
  Connect(Worker("w", "h", 4, "amd64"));
  constexpr TaskId kEarly = 20;
  for (TaskId task = 1; task <= kEarly; ++task) {
    scheduler_.Enqueue(task, Lasting(absl::Seconds(10), absl::Seconds(10)), now_);
  }
  std::multimap<absl::Time, LeaseNumber> ends;
  TaskId next = kEarly + 1;
  size_t early = 0;
  size_t overtaking = 0;
  for (int second = 0; second < 3000 && early < kEarly; ++second, now_ += absl::Seconds(1)) {
    scheduler_.Heartbeat("w", now_);
    while (!ends.empty() && ends.begin()->first <= now_) {
      scheduler_.Finish(ends.begin()->second);
      ends.erase(ends.begin());
    }
    scheduler_.Enqueue(next++, Lasting(absl::Seconds(10), absl::Hours(1)), now_);
    for (const Assignment& assignment : scheduler_.Assign(now_)) {
      ends.emplace(now_ + absl::Seconds(10), assignment.lease);
      ++(assignment.task <= kEarly ? early : overtaking);
    }
  }
  EXPECT_EQ(early, kEarly);
  EXPECT_GT(overtaking, 300u) << "long paths are first, while they may be";
  EXPECT_LE(overtaking, 600u) << "what came later than ten minutes is not";
}

// Seconds until every stage is done: a chain of ten behind one stage, and many stages that nobody waits for.
int MakeSpan(bool by_path) {
  constexpr int kChain = 10;
  constexpr int kSingle = 60;
  std::vector<absl::Duration> durations(kChain + kSingle, absl::Seconds(10));
  std::vector<std::set<int>> needs(kChain + kSingle);
  for (int i = 1; i < kChain; ++i) needs[kSingle + i] = {kSingle + i - 1};
  const std::vector<absl::Duration> behind = PathsBehind(durations, needs, false);
  LeaseNumber lease = 1;
  Scheduler scheduler({}, [&](TaskId, const std::string&) { return lease++; });
  absl::Time now = absl::FromUnixSeconds(1000);
  scheduler.Connect(Worker("w", "h", 4, "amd64"), {}, false, now);
  const auto enqueue = [&](int stage) {
    const absl::Duration path =
        by_path ? now - absl::FromUnixSeconds(1000) + durations[stage] + behind[stage] : absl::ZeroDuration();
    scheduler.Enqueue(stage, Lasting(durations[stage], path), now);
  };
  for (int stage = 0; stage <= kSingle; ++stage) enqueue(stage);
  int done = 0;
  while (done < kChain + kSingle) {
    const std::vector<Assignment> running = scheduler.Assign(now);
    now += absl::Seconds(10);
    for (const Assignment& each : running) {
      scheduler.Finish(each.lease);
      ++done;
      const int stage = static_cast<int>(each.task);
      if (stage >= kSingle && stage + 1 < kChain + kSingle) enqueue(stage + 1);
    }
  }
  return static_cast<int>(absl::ToInt64Seconds(now - absl::FromUnixSeconds(1000)));
}

TEST(SchedulerPathTest, AChainIsNotLeftForTheEnd) {
  EXPECT_EQ(MakeSpan(true), 180) << "70 stages of 10 s by four";
  EXPECT_EQ(MakeSpan(false), 250) << "as they came the chain begins when the others are done";
}

// ---- where it goes ----

TEST_F(SchedulerTest, TheWorkerThatHasTheLayersIsTakenUnlessItIsMuchFuller) {
  for (const char* name : {"a", "b", "c"}) Connect(Worker(name, name, 4, "amd64"));
  scheduler_.Made("b", {"layer", 200 * kMiB});
  Requirements warm = Lasting(absl::Seconds(20), absl::ZeroDuration());
  warm.layers = {{"layer", 200 * kMiB}};
  scheduler_.Enqueue(1, warm, now_);
  scheduler_.Enqueue(2, warm, now_);
  for (const Assignment& each : scheduler_.Assign(now_)) EXPECT_EQ(each.worker, "b");
  scheduler_.Enqueue(3, warm, now_);
  EXPECT_EQ(scheduler_.Assign(now_).at(0).worker, "a") << "3 s of fetching against 5 s of crowding";
  scheduler_.Enqueue(4, warm, now_);
  EXPECT_EQ(scheduler_.Assign(now_).at(0).worker, "a") << "it was given them";
}

TEST_F(SchedulerTest, OnlyTheBytesThatAreMissingCount) {
  for (const char* name : {"a", "b", "c"}) Connect(Worker(name, name, 4, "amd64"));
  scheduler_.Made("b", {"large", 300 * kMiB});
  scheduler_.Made("c", {"small", 20 * kMiB});
  Requirements both = On("amd64");
  both.layers = {{"small", 20 * kMiB}, {"large", 300 * kMiB}};
  scheduler_.Enqueue(1, both, now_);
  EXPECT_EQ(scheduler_.Assign(now_).at(0).worker, "b");
  Requirements tiny = On("amd64");
  tiny.layers = {{"unheard-of", 300 * kMiB}};
  scheduler_.Enqueue(2, tiny, now_);
  EXPECT_EQ(scheduler_.Assign(now_).at(0).worker, "a") << "nobody has it: the emptiest";
}

TEST_F(SchedulerTest, WhatAWorkerHadIsForgottenWhenItIsGone) {
  Connect(Worker("a", "a", 4, "amd64"));
  Connect(Worker("b", "b", 4, "amd64"));
  scheduler_.Made("b", {"layer", 200 * kMiB});
  now_ += absl::Seconds(20);
  scheduler_.Heartbeat("a", now_);
  now_ += absl::Seconds(10);
  scheduler_.Expire(now_);
  Connect(Worker("b", "b", 4, "amd64"));
  Requirements warm = On("amd64");
  warm.layers = {{"layer", 200 * kMiB}};
  scheduler_.Enqueue(1, warm, now_);
  EXPECT_EQ(scheduler_.Assign(now_).at(0).worker, "a");
}

TEST_F(SchedulerTest, AWorkerThatOnlyEmulatesIsNotPreferredToANativeOne) {
  Connect(Worker("emulates", "h1", 4, "amd64", "arm64"));
  Connect(Worker("native", "h2", 4, "arm64"));
  scheduler_.Made("emulates", {"layer", 900 * kMiB});
  Requirements warm = On("arm64");
  warm.layers = {{"layer", 900 * kMiB}};
  scheduler_.Enqueue(1, warm, now_);
  EXPECT_EQ(scheduler_.Assign(now_).at(0).worker, "native");
}

// ---- picky ones ----

TEST_F(SchedulerTest, AQueuedTaskAvoidsWhatItIsToldLater) {
  Connect(Worker("a", "host-a", 1, "amd64"));
  Connect(Worker("b", "host-b", 1, "amd64"));
  Requirements replica = On("amd64");
  replica.spread = Spread::kHosts;
  replica.avoid.hosts = {"host-b"};
  scheduler_.Enqueue(1, replica, now_);
  scheduler_.Avoid(1, {.hosts = {"host-a"}, .workers = {"a"}});
  const auto assigned = scheduler_.Assign(now_);
  ASSERT_EQ(assigned.size(), 1u);
  EXPECT_EQ(assigned[0].worker, "b");
  scheduler_.Enqueue(2, replica, now_);
  EXPECT_TRUE(scheduler_.Unplaceable(now_).empty());
  scheduler_.Avoid(2, {.hosts = {"host-a", "host-b"}, .workers = {"a", "b"}});
  EXPECT_EQ(scheduler_.Unplaceable(now_).size(), 1u);
  Connect(Worker("c", "host-c", 1, "amd64"));
  EXPECT_TRUE(scheduler_.Unplaceable(now_).empty());
  EXPECT_EQ(scheduler_.Assign(now_).at(0).worker, "c");
}

TEST_F(SchedulerTest, ManyThatFindNobodyHoldUpNoneForEver) {
  Connect(Worker("a", "host-a", 8, "amd64"));
  Requirements elsewhere = On("amd64");
  elsewhere.spread = Spread::kHosts;
  elsewhere.avoid.hosts = {"host-a"};
  Requirements here = elsewhere;
  here.avoid.hosts = {"host-b"};
  Connect(Worker("b", "host-b", 1, "amd64"));
  scheduler_.Enqueue(1, elsewhere, now_);
  ASSERT_EQ(scheduler_.Assign(now_).size(), 1u) << "the only slot there is taken";
  for (TaskId task = 2; task <= 101; ++task) scheduler_.Enqueue(task, elsewhere, now_);
  scheduler_.Enqueue(200, here, now_);
  Tasks placed;
  for (int i = 0; i < 10; ++i) {
    for (const TaskId task : TasksOf(scheduler_.Assign(now_))) placed.push_back(task);
  }
  EXPECT_EQ(placed, Tasks{200});
}

// ---- native or emulated ----

class NativeQueueTest : public SchedulerTest {
 protected:
  NativeQueueTest() {
    Connect(Worker("emulates", "h1", 4, "amd64", "arm64"));
    Connect(Worker("native", "h2", 1, "arm64"));
  }
  std::map<TaskId, bool> Emulated(absl::Time now) {
    std::map<TaskId, bool> emulated;
    for (const Assignment& each : scheduler_.Assign(now)) emulated[each.task] = each.emulated;
    return emulated;
  }
};

TEST_F(NativeQueueTest, ATaskThatWaitedAsLongAsEmulationTakesIsEmulated) {
  const Requirements known = Arm(std::nullopt, absl::Minutes(10));
  Requirements forbids = known;
  forbids.forbid_emulation = true;
  scheduler_.Enqueue(1, On("arm64"), now_);
  scheduler_.Enqueue(2, On("arm64"), now_);
  scheduler_.Enqueue(3, forbids, now_);
  scheduler_.Enqueue(4, known, now_);
  EXPECT_EQ(scheduler_.Assign(now_).at(0).worker, "native");
  EXPECT_TRUE(scheduler_.Assign(now_ + absl::Minutes(9)).empty());
  const auto assigned = scheduler_.Assign(now_ + absl::Minutes(10));
  ASSERT_EQ(assigned.size(), 1u) << "how long the second takes is not known, the third forbids it";
  EXPECT_EQ(assigned[0].task, 4u);
  EXPECT_EQ(assigned[0].worker, "emulates");
  EXPECT_TRUE(assigned[0].emulated);
}

// One native worker, ten seconds each: the third ends there in 30 s, the fourth in 40.
TEST_F(NativeQueueTest, WhatWouldWaitLongerThanEmulationTakesDoesNotWait) {
  for (TaskId task = 1; task <= 6; ++task) {
    scheduler_.Enqueue(task, Arm(absl::Seconds(10), absl::Seconds(35)), now_);
  }
  EXPECT_EQ(Emulated(now_), (std::map<TaskId, bool>{{1, false}, {4, true}, {5, true}, {6, true}}));
  EXPECT_TRUE(Emulated(now_).empty());
}

TEST_F(NativeQueueTest, WhatStillRunsIsAheadUntilItsEnd) {
  scheduler_.Enqueue(1, Arm(absl::Seconds(100), absl::Hours(1)), now_);
  EXPECT_EQ(Emulated(now_).size(), 1u);
  // 50 s of the first are left then: 60 s natively.
  scheduler_.Enqueue(2, Arm(absl::Seconds(10), absl::Seconds(70)), now_ + absl::Seconds(50));
  EXPECT_TRUE(Emulated(now_ + absl::Seconds(50)).empty());
  scheduler_.Enqueue(3, Arm(absl::Seconds(10), absl::Seconds(70)), now_ + absl::Seconds(50));
  EXPECT_TRUE(Emulated(now_ + absl::Seconds(50)).empty()) << "70 s either way";
  scheduler_.Enqueue(4, Arm(absl::Seconds(10), absl::Seconds(70)), now_ + absl::Seconds(50));
  EXPECT_EQ(Emulated(now_ + absl::Seconds(50)), (std::map<TaskId, bool>{{4, true}}));
}

TEST_F(NativeQueueTest, TheFirstOneWithLongEmulationHoldsUpNoneWithShort) {
  scheduler_.Enqueue(1, Arm(absl::Minutes(10), absl::Hours(9)), now_);
  EXPECT_EQ(Emulated(now_).size(), 1u);
  scheduler_.Enqueue(2, Arm(absl::Seconds(10), absl::Hours(9)), now_);
  scheduler_.Enqueue(3, Arm(absl::Seconds(10), absl::Seconds(50)), now_);
  scheduler_.Enqueue(4, Arm(std::nullopt, absl::Seconds(50)), now_);
  EXPECT_EQ(Emulated(now_), (std::map<TaskId, bool>{{3, true}}));
  EXPECT_EQ(Emulated(now_ + absl::Seconds(50)), (std::map<TaskId, bool>{{4, true}}))
      << "its native time is not known: when it has waited";
}

TEST_F(NativeQueueTest, WhatIsNotKnownIsNotTakenForALongWait) {
  for (TaskId task = 1; task <= 50; ++task) scheduler_.Enqueue(task, On("arm64"), now_);
  scheduler_.Enqueue(60, Arm(absl::Seconds(10), absl::Seconds(50)), now_);
  EXPECT_EQ(Emulated(now_), (std::map<TaskId, bool>{{1, false}}));
}

// Looks are counted, so it is not enough to look at the first or at those that need the least.
TEST_F(NativeQueueTest, OfALongQueueSomebodyIsFoundWhereverItStands) {
  for (const bool reversed : {false, true}) {
    Scheduler scheduler({}, CountedLeases());
    scheduler.Connect(Worker("emulates", "h1", 4, "amd64", "arm64"), {}, false, now_);
    scheduler.Connect(Worker("native", "h2", 1, "arm64"), {}, false, now_);
    constexpr int kTasks = 300;
    for (int i = 0; i < kTasks; ++i) {
      const int rank = reversed ? kTasks - i : i;
      scheduler.Enqueue(i, Arm(absl::Seconds(10), absl::Seconds(100) + absl::Seconds(0.01) * rank), now_);
    }
    size_t emulated = 0;
    for (const Assignment& each : scheduler.Assign(now_)) emulated += each.emulated ? 1 : 0;
    EXPECT_EQ(emulated, 4u) << reversed;
  }
}

TEST(EmulationPolicyTest, IsWhatTheFarmSays) {
  struct {
    EmulationPolicy policy;
    size_t emulated;
  } const cases[] = {
      {{.after = 1}, 1},
      {{.after = 0}, 0},
      {{.after = 2}, 0},
      {{.after = 1, .most_slowdown = 5}, 1},
      {{.after = 1, .most_slowdown = 4.9}, 0},
  };
  for (const auto& each : cases) {
    Scheduler scheduler({.emulation = each.policy}, CountedLeases());
    const absl::Time now = absl::FromUnixSeconds(1000);
    scheduler.Connect(Worker("emulates", "h1", 4, "amd64", "arm64"), {}, false, now);
    scheduler.Connect(Worker("native", "h2", 1, "arm64"), {}, false, now);
    scheduler.Enqueue(1, Arm(absl::Seconds(60), absl::Hours(9)), now);
    ASSERT_EQ(scheduler.Assign(now).size(), 1u);
    scheduler.Enqueue(2, Arm(absl::Seconds(10), absl::Seconds(50)), now);
    EXPECT_EQ(scheduler.Assign(now).size(), each.emulated)
        << each.policy.after << " " << each.policy.most_slowdown;
    // Having waited is no way around it.
    const absl::Time later = now + absl::Hours(5);
    scheduler.Heartbeat("emulates", later);
    EXPECT_EQ(scheduler.Assign(later).size(), each.policy.after == 2 ? 1u : 0u);
  }
}

TEST_F(SchedulerTest, AWorkerThatEmulatesFindsTheQueueAsItIsWhenItComes) {
  Connect(Worker("native", "h2", 1, "arm64"));
  for (TaskId task = 1; task <= 3; ++task) {
    scheduler_.Enqueue(task, Arm(absl::Seconds(20), absl::Seconds(35)), now_);
  }
  const LeaseNumber lease = scheduler_.Assign(now_).at(0).lease;
  Connect(Worker("emulates", "h1", 4, "amd64", "arm64"));
  EXPECT_EQ(TasksOf(scheduler_.Assign(now_)), (Tasks{3, 2})) << "60 s and 40 s natively";
  scheduler_.Finish(lease);
  scheduler_.Enqueue(4, Arm(absl::Seconds(20), absl::Seconds(35)), now_);
  EXPECT_EQ(scheduler_.Assign(now_).at(0).worker, "native");
}

TEST_F(NativeQueueTest, WithoutANativeWorkerNobodyWaits) {
  scheduler_.Connect(Worker("native", "h2", 1, "arm64"), {}, true, now_);
  scheduler_.Enqueue(1, Arm(absl::Seconds(10), absl::Hours(9)), now_);
  EXPECT_EQ(Emulated(now_), (std::map<TaskId, bool>{{1, true}})) << "it drains";
}

// Whoever shows workers asks again when the count moved, and only then.
TEST_F(SchedulerTest, CountsWhatPeopleSeeOfWorkers) {
  DrainedWorkers drained;
  WorkerChanges changes;
  SchedulerOptions options;
  options.drained = &drained;
  options.changes = &changes;
  Scheduler scheduler(options, CountedLeases());
  uint64_t before = 0;
  const auto changed = [&] { return std::exchange(before, changes.count()) != changes.count(); };
  scheduler.Connect(Worker("w1", "h1", 2, "amd64"), {}, false, now_);
  EXPECT_TRUE(changed()) << "it came";
  scheduler.Enqueue(1, On("amd64"), now_);
  EXPECT_FALSE(changed()) << "nobody has it yet";
  ASSERT_EQ(scheduler.Assign(now_).size(), 1u);
  EXPECT_TRUE(changed()) << "it got a task";
  v1::HostLoad load;
  load.set_available_memory(1);
  scheduler.Report("w1", load, now_);
  scheduler.Heartbeat("w1", now_);
  scheduler.Expire(now_);
  scheduler.Assign(now_);
  EXPECT_FALSE(changed()) << "nothing happened";
  scheduler.Finish(1);
  EXPECT_TRUE(changed()) << "the task is done";
  drained.Set("w1", true);
  scheduler.Expire(now_);
  EXPECT_TRUE(changed()) << "it is drained";
  scheduler.Expire(now_ + absl::Hours(1));
  EXPECT_TRUE(changed()) << "it fell silent";
  scheduler.Expire(now_ + absl::Hours(2));
  EXPECT_FALSE(changed());
  scheduler.Heartbeat("w1", now_ + absl::Hours(2));
  EXPECT_TRUE(changed()) << "it is back";
  scheduler.Disconnect("w1", now_ + absl::Hours(2));
  EXPECT_TRUE(changed()) << "its stream is gone";
}

}  // namespace
}  // namespace crossmill::core
