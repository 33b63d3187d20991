// Pools, labels and constraints; workers that are cordoned or removed.
#include <gtest/gtest.h>

#include "common/words/worker_labels.h"
#include "coordinator/core/scheduler.h"
#include "tests/coordinator/core/messages.h"
#include "tests/coordinator/core/scheduler_fixture.h"

namespace crossmill::core {
namespace {

v1::WorkerInfo WorkerIn(const std::string& name, const std::string& pool,
                        const std::vector<std::string>& labels = {}, int slots = 4) {
  v1::WorkerInfo info = Worker(name, "h" + name, slots, "amd64", "arm64");
  info.set_pool(pool);
  for (const std::string& label : labels) *info.add_labels() = ParseWorkerLabel(label).value();
  return info;
}

Requirements In(const std::string& pool, const std::set<std::string>& constraints = {},
                const std::string& architecture = "amd64") {
  Requirements requirements = On(architecture);
  requirements.realm = {pool, constraints};
  return requirements;
}

class SchedulerRealmsTest : public SchedulerTest {
 protected:
  // Where each task went; empty: nowhere.
  std::string Place(TaskId task, const Requirements& requirements) {
    scheduler_.Enqueue(task, requirements, now_);
    for (const Assignment& assignment : scheduler_.Assign(now_)) {
      if (assignment.task == task) return assignment.worker;
    }
    return "";
  }
  std::string WhyUnplaceable() {
    const auto found = scheduler_.Unplaceable(now_);
    return found.empty() ? "" : found[0].reason;
  }
};

TEST_F(SchedulerRealmsTest, ABuildGetsWorkersOfItsPoolOnly) {
  Connect(WorkerIn("plain", ""));
  Connect(WorkerIn("gpu-1", "gpu"));
  for (TaskId task = 1; task <= 4; ++task) EXPECT_EQ(Place(task, In("gpu")), "gpu-1");
  // Full.
  EXPECT_EQ(Place(5, In("gpu")), "");
  EXPECT_EQ(WhyUnplaceable(), "");
  EXPECT_EQ(scheduler_.WhyWaiting(5),
            "stage x waits for a worker in pool gpu: 0 tasks of its project before it");
  // Who names none takes any.
  EXPECT_EQ(Place(6, In("")), "plain");
}

TEST_F(SchedulerRealmsTest, ConstraintsAreAllSatisfied) {
  Connect(WorkerIn("a", "", {"zone=a", "disk=ssd"}));
  Connect(WorkerIn("b", "", {"zone=b", "disk=ssd"}));
  Connect(WorkerIn("c", ""));
  EXPECT_EQ(Place(1, In("", {"zone=b"})), "b");
  EXPECT_EQ(Place(2, In("", {"zone!=b", "disk=ssd"})), "a");
  // Who has no such label has another value than that.
  EXPECT_EQ(Place(3, In("", {"disk!=ssd"})), "c");
}

TEST_F(SchedulerRealmsTest, SaysWhatIsMissing) {
  EXPECT_EQ(Place(1, In("gpu")), "");
  EXPECT_EQ(WhyUnplaceable(), "no worker is connected that could run stage x");
  scheduler_.Remove(1);
  Connect(WorkerIn("a", "arm", {"zone=a"}));
  Connect(WorkerIn("b", "arm", {"disk=ssd"}));
  EXPECT_EQ(Place(2, In("gpu")), "");
  EXPECT_EQ(WhyUnplaceable(), "none of the 2 connected workers that can run linux/amd64 is in pool gpu");
  scheduler_.Remove(2);
  EXPECT_EQ(Place(3, In("arm", {"zone=b"})), "");
  EXPECT_EQ(WhyUnplaceable(),
            "none of the 2 connected workers in pool arm that can run linux/amd64 has zone=b");
  scheduler_.Remove(3);
  EXPECT_EQ(Place(4, In("", {"disk=ssd", "zone=a"})), "");
  EXPECT_EQ(WhyUnplaceable(),
            "none of the 2 connected workers that can run linux/amd64 has all of disk=ssd, zone=a");
  scheduler_.Remove(4);
  EXPECT_EQ(Place(5, In("arm", {}, "riscv64")), "");
  EXPECT_EQ(WhyUnplaceable(), "no connected worker can run linux/riscv64, whatever its pool and labels");
  // It comes.
  v1::WorkerInfo late = WorkerIn("c", "arm");
  *late.add_platforms()->mutable_platform() = PlatformOf("riscv64");
  Connect(late);
  EXPECT_EQ(scheduler_.Assign(now_).size(), 1u);
}

TEST_F(SchedulerRealmsTest, InAPoolNativeComesBeforeEmulatedToo) {
  Connect(WorkerIn("x", "ci"));
  Connect(Worker("arm-else", "h2", 4, "arm64"));
  // The native one is in another pool: no reason to wait for it.
  EXPECT_EQ(Place(1, In("ci", {}, "arm64")), "x");
  v1::WorkerInfo native = Worker("arm-ci", "h3", 1, "arm64");
  native.set_pool("ci");
  Connect(native);
  EXPECT_EQ(Place(2, In("ci", {}, "arm64")), "arm-ci");
  EXPECT_EQ(Place(3, In("ci", {}, "arm64")), "");
}

TEST_F(SchedulerRealmsTest, NeutralTasksStayInTheirPool) {
  Connect(WorkerIn("x", ""));
  Requirements neutral = In("ci");
  neutral.neutral = true;
  EXPECT_EQ(Place(1, neutral), "");
  Connect(WorkerIn("y", "ci"));
  ASSERT_EQ(scheduler_.Assign(now_).size(), 1u);
  EXPECT_EQ(scheduler_.LeasesOf("y").size(), 1u);
}

TEST_F(SchedulerRealmsTest, AWorkerThatComesBackWithOtherLabelsKeepsWhatItRuns) {
  Connect(WorkerIn("a", "ci", {"zone=a"}));
  EXPECT_EQ(Place(1, In("ci", {"zone=a"})), "a");
  const std::set<LeaseNumber> running = scheduler_.LeasesOf("a");
  Connect(WorkerIn("a", "other", {"zone=b"}), running);
  EXPECT_EQ(scheduler_.LeasesOf("a"), running);
  EXPECT_EQ(Place(2, In("ci", {"zone=a"})), "");
  EXPECT_EQ(Place(3, In("other", {"zone=b"})), "a");
  scheduler_.Finish(*running.begin());
  EXPECT_EQ(WhyUnplaceable(), "none of the 1 connected workers that can run linux/amd64 is in pool ci");
  Connect(WorkerIn("a", "ci", {"zone=a"}), scheduler_.LeasesOf("a"));
  ASSERT_EQ(scheduler_.Assign(now_).size(), 1u);
}

TEST_F(SchedulerRealmsTest, ManyRealmsOneAfterTheOtherLeaveNothingBehind) {
  Connect(WorkerIn("a", "ci", {"zone=a"}));
  for (TaskId task = 1; task <= 500; ++task) {
    EXPECT_EQ(Place(task, In("ci", {"zone=a", "no" + std::to_string(task) + "!=x"})), "a");
    scheduler_.Remove(task);
  }
  EXPECT_EQ(Place(501, In("ci")), "a");
}

TEST_F(SchedulerRealmsTest, CanRunKnowsRealmsInWhichNothingWaits) {
  Connect(WorkerIn("a", "ci", {"zone=a"}));
  EXPECT_TRUE(scheduler_.CanRun(In("ci", {"zone=a"})));
  EXPECT_FALSE(scheduler_.CanRun(In("ci", {"zone=b"})));
  EXPECT_FALSE(scheduler_.CanRun(In("other")));
  EXPECT_TRUE(scheduler_.CanRun(In("ci", {}, "arm64")));
}

// ---- cordoned and removed ----

TEST(SchedulerCordonTest, ACordonedWorkerTakesNoLaterBuilds) {
  DrainedWorkers drained;
  SchedulerOptions options;
  options.drained = &drained;
  Scheduler scheduler(options, CountedLeases());
  const absl::Time now = absl::FromUnixSeconds(1000);
  scheduler.Connect(Worker("w", "h", 4, "amd64"), {}, false, now);
  drained.SetCordoned("w", 7);
  scheduler.Expire(now);
  Requirements before = On("amd64");
  before.build = 7;
  Requirements later = On("amd64");
  later.build = 8;
  // The later one is first in the queue.
  later.path = absl::Minutes(5);
  scheduler.Enqueue(1, later, now);
  scheduler.Enqueue(2, before, now);
  const auto begun = scheduler.Assign(now);
  ASSERT_EQ(begun.size(), 1u);
  EXPECT_EQ(begun[0].task, 2u);
  EXPECT_TRUE(scheduler.Status().workers[0].cordoned);
  const auto told = scheduler.Unplaceable(now);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].reason,
            "whoever could run stage x gets no new tasks (cordoned, for builds that were there before: w); "
            "`crossmill worker uncordon` lets it go on");
  // It waits, it does not fail.
  EXPECT_EQ(told[0].since, absl::InfiniteFuture());
  // Again takes no more.
  drained.SetCordoned("w", 100);
  scheduler.Expire(now);
  EXPECT_TRUE(scheduler.Assign(now).empty());
  drained.SetCordoned("w", std::nullopt);
  scheduler.Expire(now);
  EXPECT_EQ(scheduler.Assign(now).size(), 1u);
}

TEST(SchedulerCordonTest, NobodyIsToldThatABuildOfBeforeWaits) {
  DrainedWorkers drained;
  SchedulerOptions options;
  options.drained = &drained;
  Scheduler scheduler(options, CountedLeases());
  const absl::Time now = absl::FromUnixSeconds(1000);
  scheduler.Connect(Worker("w", "h", 1, "amd64"), {}, false, now);
  drained.SetCordoned("w", 7);
  scheduler.Expire(now);
  Requirements before = On("amd64");
  before.build = 7;
  scheduler.Enqueue(1, before, now);
  scheduler.Enqueue(2, before, now);
  EXPECT_EQ(scheduler.Assign(now).size(), 1u);
  EXPECT_TRUE(scheduler.Unplaceable(now).empty());
}

TEST_F(SchedulerRealmsTest, OnlyAWorkerThatIsAwayCanBeRemoved) {
  Connect(Worker("w", "h", 1, "amd64"));
  EXPECT_EQ(Place(1, On("amd64")), "w");
  EXPECT_EQ(scheduler_.RemoveWorker("w").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(scheduler_.RemoveWorker("x").code(), absl::StatusCode::kNotFound);
  scheduler_.Disconnect("w", now_);
  EXPECT_TRUE(scheduler_.RemoveWorker("w").ok());
  EXPECT_EQ(scheduler_.TakeDeparted(), std::vector<std::string>{"w"});
  const auto lost = scheduler_.Expire(now_);
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].reason, "worker w was removed");
  EXPECT_TRUE(scheduler_.Status().workers.empty());
  EXPECT_FALSE(scheduler_.CanRun(On("amd64")));
  // It may come again.
  Connect(Worker("w", "h", 1, "amd64"));
  EXPECT_EQ(Place(2, On("amd64")), "w");
}

}  // namespace
}  // namespace crossmill::core
