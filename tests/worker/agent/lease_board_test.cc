// What a worker does with its leases, without a connection.
#include "worker/agent/lease_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// An execution that goes on until it is let go or stopped.
class Gate {
 public:
  v1::TaskResult Execute(const v1::Task& task, ExecutionObserver& observer, const std::stop_token& stop) {
    {
      MutexLock lock(mutex_);
      started_.push_back(task.name());
      changed_.NotifyAll();
    }
    v1::LogChunk chunk;
    chunk.set_data("console of " + task.name());
    observer.OnLog(chunk);
    const std::stop_callback wake(stop, [this] {
      MutexLock lock(mutex_);
      changed_.NotifyAll();
    });
    MutexLock lock(mutex_);
    while (!open_ && !stop.stop_requested()) changed_.Wait(mutex_);
    v1::TaskResult result;
    result.set_outcome(stop.stop_requested() ? v1::TASK_OUTCOME_CANCELLED : v1::TASK_OUTCOME_SUCCEEDED);
    result.set_message("result of " + task.name());
    return result;
  }
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void AwaitStarted(size_t count) {
    MutexLock lock(mutex_);
    while (started_.size() < count) changed_.Wait(mutex_);
  }
  size_t started() {
    MutexLock lock(mutex_);
    return started_.size();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> started_ ABSL_GUARDED_BY(mutex_);
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

class LeaseBoardTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    MakeBoard();
  }

  // As a new process with the same data folder would.
  void MakeBoard(LeaseBoard::Execute execute = nullptr) {
    board_.reset();
    auto results = UndeliveredResults::Open(folder_->Path("spool"));
    ASSERT_OK(results);
    results_.emplace(std::move(*results));
    v1::WorkerInfo info;
    info.set_name("w1");
    info.set_slots(2);
    if (!execute) {
      execute = [this](const v1::Task& task, const TaskContext&, ExecutionObserver& observer,
                       const std::stop_token& stop) { return gate_.Execute(task, observer, stop); };
    }
    board_ = std::make_unique<LeaseBoard>(info, std::move(execute), *results_);
    ASSERT_OK(board_->Restore());
    board_->Connected();
  }

  static v1::SynchronizeResponse Desire(std::vector<uint64_t> leases,
                                        std::vector<uint64_t> acknowledged = {}) {
    v1::SynchronizeResponse desired;
    for (uint64_t number : leases) {
      v1::DesiredLease& lease = *desired.add_leases();
      lease.set_lease(number);
      lease.mutable_task()->set_name("t" + std::to_string(number));
    }
    for (uint64_t number : acknowledged) desired.add_acknowledged(number);
    return desired;
  }

  // Takes messages until one satisfies the predicate.
  template <typename Predicate>
  v1::SynchronizeRequest Await(Predicate predicate) {
    for (int i = 0; i < 1000; ++i) {
      const auto request = board_->Next(absl::Milliseconds(50));
      if (request && predicate(*request)) return *request;
    }
    ADD_FAILURE() << "the message did not come";
    return {};
  }
  v1::TaskResult AwaitResult(uint64_t lease) {
    return Await([&](const v1::SynchronizeRequest& request) {
             return request.report().has_task_finished() && request.report().lease() == lease;
           })
        .report()
        .task_finished();
  }
  std::vector<uint64_t> AwaitState() {
    const auto request = Await([](const v1::SynchronizeRequest& message) { return message.has_state(); });
    return {request.state().leases().begin(), request.state().leases().end()};
  }
  bool IsKept(uint64_t lease) { return Exists(folder_->Path("spool/" + std::to_string(lease) + ".pb")); }

  Gate gate_;
  std::optional<TemporaryFolder> folder_;
  std::optional<UndeliveredResults> results_;
  std::unique_ptr<LeaseBoard> board_;
};

TEST_F(LeaseBoardTest, FirstMessageIsTheWholeState) {
  const auto request = board_->Next(absl::Seconds(1));
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->state().info().name(), "w1");
  EXPECT_THAT(request->state().leases(), IsEmpty());
  EXPECT_FALSE(board_->Next(absl::Milliseconds(1)).has_value());
}

TEST_F(LeaseBoardTest, DesiredTaskRunsAndItsResultStaysOnDiskUntilAcknowledged) {
  board_->Apply(Desire({7}));
  gate_.Open();
  const v1::TaskResult result = AwaitResult(7);
  EXPECT_EQ(result.message(), "result of t7");
  EXPECT_TRUE(IsKept(7));
  EXPECT_FALSE(board_->Idle());
  board_->Apply(Desire({}, {7}));
  EXPECT_FALSE(IsKept(7));
  EXPECT_TRUE(board_->Idle());
}

TEST_F(LeaseBoardTest, NoMoreTasksRunThanThereAreSlots) {
  board_->Apply(Desire({1, 2, 3}));
  gate_.AwaitStarted(2);
  EXPECT_EQ(gate_.started(), 2u);
  board_->Connected();
  EXPECT_THAT(AwaitState(), ElementsAre(1, 2, 3));
  gate_.Open();
  gate_.AwaitStarted(3);
}

TEST_F(LeaseBoardTest, UnnamedLeaseIsCancelledAndItsResultInterestsNobody) {
  board_->Apply(Desire({1}));
  gate_.AwaitStarted(1);
  board_->Apply(Desire({}));
  while (!board_->Idle()) {
    const auto request = board_->Next(absl::Milliseconds(10));
    EXPECT_FALSE(request && request->report().has_task_finished());
  }
  EXPECT_FALSE(IsKept(1));
}

TEST_F(LeaseBoardTest, CancelledLeaseMakesRoomForTheNext) {
  board_->Apply(Desire({1, 2}));
  gate_.AwaitStarted(2);
  board_->Apply(Desire({2, 3}));
  gate_.AwaitStarted(3);
}

TEST_F(LeaseBoardTest, ResultIsSentAgainOnANewConnectionUntilAcknowledged) {
  gate_.Open();
  board_->Apply(Desire({5}));
  AwaitResult(5);
  board_->Connected();
  EXPECT_THAT(AwaitState(), ElementsAre(5));
  EXPECT_EQ(AwaitResult(5).message(), "result of t5");
}

TEST_F(LeaseBoardTest, ResultOfAnEarlierProcessIsDelivered) {
  gate_.Open();
  board_->Apply(Desire({5}));
  AwaitResult(5);
  MakeBoard();
  EXPECT_THAT(AwaitState(), ElementsAre(5));
  EXPECT_EQ(AwaitResult(5).message(), "result of t5");
  // Named without its task, as a coordinator does for what the worker reported: not executed again.
  v1::SynchronizeResponse desired;
  desired.add_leases()->set_lease(5);
  board_->Apply(desired);
  EXPECT_EQ(gate_.started(), 1u);
}

TEST_F(LeaseBoardTest, UnreadableResultIsDropped) {
  ASSERT_OK(WriteFileAtomic(folder_->Path("spool/9.pb"), "\xff\xff\xff no protobuf"));
  MakeBoard();
  EXPECT_THAT(AwaitState(), IsEmpty());
  EXPECT_FALSE(IsKept(9));
}

TEST_F(LeaseBoardTest, DrainingWorkerSaysSoAndTakesNothingNew) {
  board_->Apply(Desire({1}));
  gate_.AwaitStarted(1);
  board_->Drain();
  const auto request = Await([](const v1::SynchronizeRequest& message) { return message.has_state(); });
  EXPECT_TRUE(request.state().draining());
  board_->Apply(Desire({1, 2}));
  EXPECT_EQ(AwaitResult(2).outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE);
  EXPECT_EQ(gate_.started(), 1u);
  gate_.Open();
  EXPECT_EQ(AwaitResult(1).outcome(), v1::TASK_OUTCOME_SUCCEEDED);
}

TEST_F(LeaseBoardTest, TasksEndedByShutdownAreGivenBackAsInfrastructure) {
  board_->Apply(Desire({1}));
  gate_.AwaitStarted(1);
  board_->CancelAll("the worker was shut down");
  const v1::TaskResult result = AwaitResult(1);
  EXPECT_EQ(result.outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE);
  EXPECT_EQ(result.message(), "the worker was shut down");
}

TEST_F(LeaseBoardTest, LeaseWithoutTaskIsGivenBack) {
  v1::SynchronizeResponse desired;
  desired.add_leases()->set_lease(4);
  board_->Apply(desired);
  EXPECT_EQ(AwaitResult(4).outcome(), v1::TASK_OUTCOME_INFRASTRUCTURE);
}

TEST_F(LeaseBoardTest, ConsoleWithoutConnectionIsKeptUpToALimitAndTheGapIsTold) {
  const std::string megabyte(1 << 20, 'x');
  std::binary_semaphore written(0);
  MakeBoard([&](const v1::Task&, const TaskContext&, ExecutionObserver& observer, const std::stop_token&) {
    for (int i = 0; i < 40; ++i) {
      v1::LogChunk chunk;
      chunk.set_data(megabyte);
      observer.OnLog(chunk);
    }
    written.release();
    return v1::TaskResult();
  });
  board_->Apply(Desire({1}));
  written.acquire();
  size_t bytes = 0;
  int notes = 0;
  Await([&](const v1::SynchronizeRequest& request) {
    bytes += request.report().log().data().size();
    notes += request.report().log().stream() == v1::LogChunk::STREAM_WORKER;
    return request.report().has_task_finished();
  });
  EXPECT_LE(bytes, LeaseBoard::kWaitingLogBytes + 1000);
  EXPECT_GE(bytes, LeaseBoard::kWaitingLogBytes / 2);
  EXPECT_EQ(notes, 1);
}

TEST_F(LeaseBoardTest, WaitingForAMessageEndsWhenWoken) {
  AwaitState();
  const std::jthread waker([&] { board_->Wake(); });
  EXPECT_FALSE(board_->Next(absl::Seconds(60)).has_value());
}

}  // namespace
}  // namespace crossmill::worker
