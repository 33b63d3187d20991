// Projects beside each other: shares, priorities, limits, and what is reserved for replicas.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "coordinator/core/scheduler.h"
#include "tests/coordinator/core/messages.h"
#include "tests/coordinator/core/scheduler_fixture.h"

namespace crossmill::core {
namespace {

Requirements Of(const std::string& project, int32_t priority = 0) {
  Requirements requirements = On("amd64");
  requirements.project = project;
  requirements.priority = priority;
  return requirements;
}

Requirements Replica(uint64_t group, bool spare) {
  Requirements requirements = On("amd64");
  requirements.spread = Spread::kHosts;
  requirements.group = group;
  requirements.spare = spare;
  return requirements;
}

class SchedulerProjectsTest : public ::testing::Test {
 protected:
  void Make(double verify_reserve = 0) {
    SchedulerOptions options;
    options.projects = &terms_;
    options.verify_reserve = verify_reserve;
    scheduler_.emplace(options, CountedLeases());
  }
  void Connect(int workers, int slots = 1) {
    for (int i = 0; i < workers; ++i) {
      const std::string name = "w" + std::to_string(i);
      scheduler_->Connect(Worker(name, "h" + name, slots, "amd64"), {}, false, now_);
    }
  }
  TaskId Enqueue(const Requirements& requirements) {
    projects_[++last_] = requirements.project;
    scheduler_->Enqueue(last_, requirements, now_);
    return last_;
  }
  // Whose tasks began.
  std::map<std::string, int> Assign() {
    std::map<std::string, int> counts;
    for (const Assignment& assignment : scheduler_->Assign(now_)) {
      ++counts[projects_.at(assignment.task)];
      running_.push_back(assignment);
    }
    return counts;
  }
  void FinishAll() {
    for (const Assignment& assignment : running_) {
      scheduler_->Heartbeat(assignment.worker, now_);
      scheduler_->Finish(assignment.lease);
    }
    running_.clear();
  }

  ProjectTerms terms_;
  std::optional<Scheduler> scheduler_;
  std::map<TaskId, std::string> projects_;
  std::vector<Assignment> running_;
  TaskId last_ = 0;
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

TEST_F(SchedulerProjectsTest, OneBuildDoesNotWaitForTenThousandOfAnother) {
  Make();
  Connect(4);
  for (int i = 0; i < 10'000; ++i) Enqueue(Of("big"));
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"big", 4}}));
  now_ += absl::Seconds(30);
  Enqueue(Of("small"));
  FinishAll();
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"big", 3}, {"small", 1}}));
}

TEST_F(SchedulerProjectsTest, FreeSlotsAreSharedByShares) {
  terms_.Set("three", {.share = 3});
  Make();
  Connect(8);
  for (int i = 0; i < 100; ++i) Enqueue(Of("one"));
  for (int i = 0; i < 100; ++i) Enqueue(Of("three"));
  std::map<std::string, int> all;
  for (int round = 0; round < 10; ++round) {
    for (const auto& [project, count] : Assign()) all[project] += count;
    now_ += absl::Seconds(60);
    FinishAll();
  }
  EXPECT_EQ(all, (std::map<std::string, int>{{"one", 20}, {"three", 60}}));
}

// Long tasks count for what they are, not as one each.
TEST_F(SchedulerProjectsTest, TimeIsSharedNotTasks) {
  Make();
  Connect(1);
  for (int i = 0; i < 500; ++i) Enqueue(Of("long"));
  for (int i = 0; i < 500; ++i) Enqueue(Of("short"));
  std::map<std::string, int> seconds;
  for (int i = 0; i < 300; ++i) {
    const auto begun = Assign();
    ASSERT_EQ(begun.size(), 1u);
    const std::string project = begun.begin()->first;
    const int lasts = project == "long" ? 100 : 2;
    now_ += absl::Seconds(lasts);
    seconds[project] += lasts;
    FinishAll();
  }
  EXPECT_NEAR(seconds["long"], seconds["short"], 200);
}

TEST_F(SchedulerProjectsTest, WhatAProjectHasOnOnePlatformCountsNothingOnAnother) {
  Make();
  scheduler_->Connect(Worker("x", "hx", 1, "amd64"), {}, false, now_);
  scheduler_->Connect(Worker("a", "ha", 2, "arm64"), {}, false, now_);
  Requirements arm = Of("a");
  arm.platform = PlatformOf("arm64");
  for (int i = 0; i < 2; ++i) Enqueue(arm);
  Assign();
  for (int i = 0; i < 3; ++i) Enqueue(arm);
  Enqueue(Of("b"));
  Assign();
  now_ += absl::Hours(1);
  scheduler_->Heartbeat("x", now_);
  scheduler_->Heartbeat("a", now_);
  scheduler_->Expire(now_);
  // On amd64 it comes before one that had an hour there.
  Enqueue(Of("a"));
  Enqueue(Of("b"));
  for (const Assignment& assignment : running_) {
    if (assignment.worker == "x") scheduler_->Finish(assignment.lease);
  }
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"a", 1}}));
}

TEST_F(SchedulerProjectsTest, EmulatedTasksAreChargedWhereTheyRun) {
  Make();
  scheduler_->Connect(Worker("x", "hx", 1, "amd64", "arm64"), {}, false, now_);
  Requirements arm = Of("a");
  arm.platform = PlatformOf("arm64");
  for (int i = 0; i < 3; ++i) Enqueue(arm);
  for (int i = 0; i < 3; ++i) Enqueue(Of("b"));
  std::string order;
  for (int i = 0; i < 6; ++i) {
    order += Assign().begin()->first;
    now_ += absl::Seconds(50);
    FinishAll();
  }
  EXPECT_EQ(order, "ababab");
}

TEST_F(SchedulerProjectsTest, PrioritiesOrderTheTasksOfAProjectOnly) {
  Make();
  Connect(1);
  const TaskId low = Enqueue(Of("a", -50));
  const TaskId normal = Enqueue(Of("a"));
  const TaskId high = Enqueue(Of("a", 50));
  const TaskId others = Enqueue(Of("b", -100));
  std::vector<TaskId> order;
  for (int i = 0; i < 4; ++i) {
    const auto begun = scheduler_->Assign(now_);
    ASSERT_EQ(begun.size(), 1u);
    order.push_back(begun[0].task);
    now_ += absl::Seconds(60);
    scheduler_->Heartbeat("w0", now_);
    scheduler_->Finish(begun[0].lease);
  }
  EXPECT_EQ(order, (std::vector<TaskId>{high, others, normal, low}));
}

TEST_F(SchedulerProjectsTest, ALowPriorityGetsItsTurn) {
  Make();
  Connect(1);
  const TaskId low = Enqueue(Of("a", -100));
  // High ones without end.
  for (int i = 0; i < 600; ++i) {
    Enqueue(Of("a", 100));
    const auto begun = scheduler_->Assign(now_);
    ASSERT_EQ(begun.size(), 1u);
    if (begun[0].task == low) {
      EXPECT_GT(i, 100);
      return;
    }
    now_ += absl::Minutes(1);
    scheduler_->Heartbeat("w0", now_);
    scheduler_->Finish(begun[0].lease);
  }
  FAIL() << "it never ran";
}

TEST_F(SchedulerProjectsTest, PrioritiesBeyondAllBoundsAreBounded) {
  Make();
  Connect(1);
  Enqueue(Of("a", std::numeric_limits<int32_t>::max()));
  Enqueue(Of("a", std::numeric_limits<int32_t>::min()));
  const TaskId most = Enqueue(Of("a", 100));
  (void)most;
  EXPECT_EQ(scheduler_->Assign(now_)[0].task, 1u);
  EXPECT_EQ(scheduler_->Status().queued, 2);
}

TEST_F(SchedulerProjectsTest, AProjectRunsNoMoreThanItMay) {
  terms_.Set("a", {.most_running = 2});
  Make();
  Connect(4);
  for (int i = 0; i < 4; ++i) Enqueue(Of("a"));
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"a", 2}}));
  EXPECT_EQ(scheduler_->WhyWaiting(4), "stage x waits: project a runs 2 tasks, as many as it may");
  Enqueue(Of("b"));
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"b", 1}}));
  FinishAll();
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"a", 2}}));
}

// What a project may not run now keeps no worker from others' replicas.
TEST_F(SchedulerProjectsTest, TasksBeyondALimitDoNotHoldUpSpareOnes) {
  terms_.Set("a", {.most_running = 1});
  Make();
  Connect(2);
  for (int i = 0; i < 3; ++i) Enqueue(Of("a"));
  Enqueue(Replica(1, true));
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"a", 1}, {"default", 1}}));
  std::vector<TaskId> displaced;
  scheduler_->Assign(now_, &displaced);
  EXPECT_TRUE(displaced.empty());
}

TEST_F(SchedulerProjectsTest, SaysWhyATaskWaits) {
  Make();
  Connect(1);
  for (int i = 0; i < 3; ++i) Enqueue(Of("a"));
  const TaskId other = Enqueue(Of("b"));
  Assign();
  EXPECT_EQ(scheduler_->WhyWaiting(1), "");
  EXPECT_EQ(
      scheduler_->WhyWaiting(3),
      "stage x waits for a worker: project a is above its share, 1 project comes before it; 1 task of its "
      "project before it");
  EXPECT_EQ(scheduler_->WhyWaiting(other), "stage x waits for a worker: 0 tasks of its project before it");
  EXPECT_EQ(scheduler_->WhyWaiting(77), "");
}

TEST_F(SchedulerProjectsTest, ReplicasGetTheirReserveUnderLoad) {
  Make(0.2);
  Connect(10);
  for (int i = 0; i < 50; ++i) Enqueue(Of("first"));
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"first", 10}}));
  for (uint64_t group = 1; group <= 5; ++group) Enqueue(Replica(group, true));
  for (int round = 0; round < 3; ++round) {
    FinishAll();
    const auto begun = Assign();
    EXPECT_EQ(begun.at("first"), round < 2 ? 8 : 9);
    EXPECT_EQ(begun.at("default"), round < 2 ? 2 : 1);
    // Nothing displaces what is in the reserve.
    std::vector<TaskId> displaced;
    scheduler_->Assign(now_, &displaced);
    EXPECT_TRUE(displaced.empty());
  }
}

TEST_F(SchedulerProjectsTest, WithoutAReserveSpareReplicasWait) {
  Make();
  Connect(10);
  for (int i = 0; i < 50; ++i) Enqueue(Of("first"));
  for (uint64_t group = 1; group <= 5; ++group) Enqueue(Replica(group, true));
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"first", 10}}));
  FinishAll();
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"first", 10}}));
}

// A restarted scheduler knows nothing of before: all begin equal, and what runs on counts from then.
TEST_F(SchedulerProjectsTest, AfterARestartAllBeginEqual) {
  Make();
  Connect(2);
  for (int i = 0; i < 20; ++i) Enqueue(Of("a"));
  Assign();
  now_ += absl::Hours(2);
  const std::vector<Assignment> before = running_;
  Make();
  for (const char* name : {"w0", "w1"})
    scheduler_->Expect(Worker(name, std::string("h") + name, 1, "amd64"), now_);
  for (const Assignment& assignment : before)
    scheduler_->Restore(assignment.lease, assignment.task, Of("a"), assignment.worker, now_);
  scheduler_->Connect(Worker("w0", "hw0", 1, "amd64"), {before[0].lease}, false, now_);
  scheduler_->Connect(Worker("w1", "hw1", 1, "amd64"), {before[1].lease}, false, now_);
  for (TaskId id = 3; id <= 20; ++id) scheduler_->Enqueue(id, Of("a"), now_);
  for (int i = 0; i < 4; ++i) Enqueue(Of("b"));
  now_ += absl::Seconds(20);
  EXPECT_TRUE(Assign().empty());
  FinishAll();
  EXPECT_EQ(scheduler_->LeasesOf("w0").size(), 0u);
  EXPECT_EQ(Assign(), (std::map<std::string, int>{{"b", 2}}));
}

}  // namespace
}  // namespace crossmill::core
