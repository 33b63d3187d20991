// Spare tasks: they come after all others, and go when a first execution waits.
#include <gtest/gtest.h>

#include <vector>

#include "tests/coordinator/core/scheduler_fixture.h"

namespace crossmill::core {
namespace {

class SpareTest : public SchedulerTest {
 protected:
  // A replica of stage `group`, which avoids the first's host.
  static Requirements Spare(uint64_t group = 7, const std::string& first = "host-a") {
    Requirements requirements = On("amd64");
    requirements.spread = Spread::kHosts;
    requirements.group = group;
    requirements.avoid.hosts = {first};
    requirements.spare = true;
    return requirements;
  }
  std::vector<TaskId> Assigned() {
    std::vector<TaskId> tasks;
    for (const Assignment& assignment : scheduler_.Assign(now_, &displaced_))
      tasks.push_back(assignment.task);
    return tasks;
  }

  // By the last look.
  std::vector<TaskId> displaced_;
};

using SpareTasks = std::vector<TaskId>;

TEST_F(SpareTest, OthersComeFirstHoweverLateAndShortTheyAre) {
  Connect(Worker("b", "host-b", 1, "amd64"));
  Requirements spare = Spare();
  spare.path = absl::Hours(1);
  scheduler_.Enqueue(1, spare, now_);
  scheduler_.Enqueue(2, On("amd64"), now_ + absl::Hours(2));
  EXPECT_EQ(Assigned(), SpareTasks{2});
  EXPECT_EQ(Assigned(), SpareTasks{});
  scheduler_.Remove(2);
  EXPECT_EQ(Assigned(), SpareTasks{1}) << "now nobody else wants the place";
}

TEST_F(SpareTest, APlaceThatAnotherTaskWaitsForIsNotTaken) {
  // The machine has slots, but the task that waits wants more of it than it has left.
  Connect(WorkerByLoad("b", "host-b", 4));
  for (const TaskId task : {1, 2}) scheduler_.Enqueue(task, Using(1.5), now_);
  ASSERT_EQ(Assigned().size(), 2u);
  scheduler_.Enqueue(3, Using(2.0), now_);
  Requirements spare = Spare();
  spare.use.cpus = 0.0;
  scheduler_.Enqueue(4, spare, now_);
  EXPECT_EQ(Assigned(), SpareTasks{});
  // Of another platform.
  scheduler_.Remove(3);
  scheduler_.Enqueue(5, On("arm64"), now_);
  EXPECT_EQ(Assigned(), SpareTasks{4});
}

TEST_F(SpareTest, WhoMustAvoidAPlaceDoesNotWaitForIt) {
  Connect(Worker("b", "host-b", 1, "amd64"));
  Requirements elsewhere = On("amd64");
  elsewhere.spread = Spread::kHosts;
  elsewhere.avoid.hosts = {"host-b"};
  scheduler_.Enqueue(1, elsewhere, now_);
  scheduler_.Enqueue(2, Spare(), now_);
  EXPECT_EQ(Assigned(), SpareTasks{2});
}

TEST_F(SpareTest, AFirstExecutionDisplacesTheYoungestAndAReplicaNone) {
  Connect(Worker("b", "host-b", 1, "amd64"));
  Connect(Worker("c", "host-c", 1, "amd64"));
  for (const TaskId task : {1, 2}) {
    scheduler_.Enqueue(task, Spare(task), now_);
    ASSERT_EQ(Assigned(), SpareTasks{task});
  }
  // A replica of a stage that is done: it waits.
  Requirements replica = Spare(9);
  replica.spare = false;
  scheduler_.Enqueue(3, replica, now_);
  EXPECT_EQ(Assigned(), SpareTasks{});
  EXPECT_EQ(displaced_, SpareTasks{});
  scheduler_.Enqueue(4, On("amd64"), now_);
  EXPECT_EQ(Assigned(), SpareTasks{});
  EXPECT_EQ(displaced_, SpareTasks{2});
  scheduler_.Remove(2);
  scheduler_.Enqueue(5, Spare(2), now_);
  EXPECT_EQ(Assigned().size(), 1u) << "by whoever is not spare";
  // One that nobody here could run displaces nobody.
  scheduler_.Remove(3);
  scheduler_.Remove(4);
  scheduler_.Enqueue(6, On("arm64"), now_);
  Assigned();
  EXPECT_EQ(displaced_, SpareTasks{});
}

TEST_F(SpareTest, OneThatIsSettledIsNotDisplaced) {
  Connect(Worker("b", "host-b", 1, "amd64"));
  scheduler_.Enqueue(1, Spare(), now_);
  ASSERT_EQ(Assigned(), SpareTasks{1});
  scheduler_.Settle(1);
  scheduler_.Settle(99);
  scheduler_.Enqueue(2, On("amd64"), now_);
  EXPECT_EQ(Assigned(), SpareTasks{});
  EXPECT_EQ(displaced_, SpareTasks{});
}

TEST_F(SpareTest, OneThatNobodyCanRunWaitsWithoutComplaint) {
  Connect(Worker("a", "host-a", 1, "amd64"));
  scheduler_.Enqueue(1, Spare(), now_);
  EXPECT_EQ(Assigned(), SpareTasks{});
  EXPECT_TRUE(scheduler_.Unplaceable(now_).empty());
  Requirements replica = Spare();
  replica.spare = false;
  scheduler_.Enqueue(2, replica, now_);
  EXPECT_EQ(scheduler_.Unplaceable(now_).size(), 1u);
}

// Where a first execution waits for a native worker nothing spare is taken for work ahead of it.
TEST_F(SpareTest, NobodyIsEmulatedBecauseOfIt) {
  Connect(Worker("native", "host-b", 1, "arm64"));
  Connect(Worker("emulates", "host-c", 1, "amd64", "arm64"));
  Requirements busy = On("arm64");
  scheduler_.Enqueue(1, busy, now_);
  ASSERT_EQ(Assigned(), SpareTasks{1});
  Requirements spare = Spare();
  spare.platform = PlatformOf("arm64");
  spare.time = {.native = absl::Hours(1), .emulated = absl::Seconds(1)};
  scheduler_.Enqueue(2, spare, now_);
  now_ += absl::Minutes(1);
  scheduler_.Heartbeat("native", now_);
  scheduler_.Heartbeat("emulates", now_);
  EXPECT_EQ(Assigned(), SpareTasks{});
}

}  // namespace
}  // namespace crossmill::core
