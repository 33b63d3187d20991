#include "coordinator/core/attempt_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "common/base/status.h"

namespace crossmill::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr StageRunId kFirst{1, 0, 0};
constexpr StageRunId kSecond{2, 0, 0};
constexpr StageRunId kThird{3, 0, 0};

v1::Layer LayerOf(int number) {
  v1::Layer layer;
  layer.mutable_tar()->set_hash(std::string(64, static_cast<char>('a' + number)));
  return layer;
}

// A task whose steps run the given commands.
Attempt AttemptOf(const StageRunId& run, const std::vector<std::string>& commands) {
  Attempt attempt;
  attempt.owner = run;
  attempt.origin = run;
  attempt.task.set_replica(run.replica);
  for (size_t i = 0; i < commands.size(); ++i) {
    v1::Step& step = *attempt.task.add_steps();
    step.set_number(static_cast<uint32_t>(i) + 2);
    step.mutable_run()->add_argv(commands[i]);
    attempt.indexes.push_back(static_cast<int>(i));
  }
  return attempt;
}

RestoredLease LeaseOf(LeaseNumber number) {
  RestoredLease lease;
  lease.lease = number;
  return lease;
}

bool Always(const Attempt&) { return true; }

class AttemptBoardTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(board_.Violation(), ""); }

  std::string KeyOf(TaskId task) { return board_.Find(task)->key; }
  bool Join(TaskId task, const StageRunId& run, bool forbid_emulation = false, int64_t since = 0) {
    return board_.Join(KeyOf(task), {run, since, forbid_emulation}, Always);
  }
  void Lease(TaskId task, bool emulated = false) {
    board_.Lease(task, Assignment{next_lease_++, task, "w", emulated}, "h", {});
  }

  AttemptBoard board_;
  LeaseNumber next_lease_ = 1;
};

TEST_F(AttemptBoardTest, EndGivesOwnerAndWaitersBack) {
  const TaskId task = board_.Begin(AttemptOf(kFirst, {"make"}));
  ASSERT_TRUE(Join(task, kSecond));
  ASSERT_TRUE(Join(task, kThird));
  Lease(task);
  const Attempt ended = board_.End(task);
  EXPECT_THAT(ended.Runs(), ElementsAre(kFirst, kSecond, kThird));
  for (const StageRunId& run : ended.Runs()) EXPECT_FALSE(board_.IsPresent(run));
  EXPECT_EQ(board_.FindLease(ended.lease), nullptr);
  EXPECT_TRUE(board_.all().empty());
}

TEST_F(AttemptBoardTest, FinishedStepWakesItsWaitersAndTheyCanJoinTheNext) {
  const TaskId task = board_.Begin(AttemptOf(kFirst, {"one", "two"}));
  Lease(task);
  ASSERT_TRUE(Join(task, kSecond));
  const std::string key = KeyOf(task);
  EXPECT_THAT(board_.FinishStep(task, LayerOf(1)), ElementsAre(kSecond));
  EXPECT_FALSE(board_.IsPresent(kSecond));
  EXPECT_NE(KeyOf(task), key);
  EXPECT_FALSE(board_.Join(key, {kSecond}, Always)) << "that step is over";
  EXPECT_TRUE(Join(task, kSecond));
  EXPECT_THAT(board_.FinishStep(task, LayerOf(2)), ElementsAre(kSecond));
  EXPECT_TRUE(KeyOf(task).empty());
}

TEST_F(AttemptBoardTest, OwnerThatLeavesLeavesTheStepToWhoWaitsForIt) {
  const TaskId task = board_.Begin(AttemptOf(kFirst, {"one", "two"}));
  Lease(task);
  ASSERT_TRUE(Join(task, kSecond));
  board_.Leave(kFirst);
  EXPECT_THAT(board_.TakeUnwanted(), IsEmpty());
  EXPECT_THAT(board_.FinishStep(task, LayerOf(1)), ElementsAre(kSecond));
  // Who waited goes on with the next step of the same task.
  ASSERT_TRUE(Join(task, kSecond));
  EXPECT_THAT(board_.TakeUnwanted(), IsEmpty());
}

TEST_F(AttemptBoardTest, TaskThatNobodyWantsIsOverWhoeverLeftLast) {
  const TaskId task = board_.Begin(AttemptOf(kFirst, {"one"}));
  Lease(task);
  ASSERT_TRUE(Join(task, kSecond));
  board_.Leave(kFirst);
  board_.Leave(kSecond);
  const std::vector<Attempt> unwanted = board_.TakeUnwanted();
  ASSERT_EQ(unwanted.size(), 1u);
  EXPECT_EQ(unwanted[0].id, task);
  EXPECT_THAT(unwanted[0].Runs(), IsEmpty());
}

TEST_F(AttemptBoardTest, TaskThatNobodyRejoinedAfterAStepIsOver) {
  const TaskId task = board_.Begin(AttemptOf(kFirst, {"one", "two"}));
  Lease(task);
  ASSERT_TRUE(Join(task, kSecond));
  board_.Leave(kFirst);
  EXPECT_THAT(board_.FinishStep(task, LayerOf(1)), ElementsAre(kSecond));
  EXPECT_EQ(board_.TakeUnwanted().size(), 1u);
}

TEST_F(AttemptBoardTest, TaskThatNeedsItsOwnersClientEndsWithoutItUntilItIsLeased) {
  for (const bool leased : {false, true}) {
    Attempt attempt = AttemptOf(kFirst, {"one"});
    attempt.needs_client = true;
    const TaskId task = board_.Begin(std::move(attempt));
    if (leased) Lease(task);
    ASSERT_TRUE(Join(task, kSecond));
    board_.Leave(kFirst);
    const std::vector<Attempt> unwanted = board_.TakeUnwanted();
    ASSERT_EQ(unwanted.size(), leased ? 0u : 1u);
    const std::vector<StageRunId> waiters = leased ? board_.End(task).waiters : unwanted[0].waiters;
    EXPECT_THAT(waiters, ElementsAre(kSecond));
  }
}

TEST_F(AttemptBoardTest, JoiningKnowsEmulation) {
  // Not placed yet: it goes where its own build allows.
  Attempt native_only = AttemptOf(kFirst, {"one"});
  native_only.requirements.forbid_emulation = true;
  const TaskId strict = board_.Begin(std::move(native_only));
  EXPECT_FALSE(Join(strict, kSecond, /*forbid_emulation=*/false))
      << "it may wait for a native worker for ever";
  EXPECT_TRUE(Join(strict, kThird, /*forbid_emulation=*/true));
  // Placed: the result counts.
  Lease(strict);
  EXPECT_TRUE(Join(strict, kSecond, /*forbid_emulation=*/false));

  const TaskId free = board_.Begin(AttemptOf({4, 0, 0}, {"two"}));
  EXPECT_FALSE(Join(free, {5, 0, 0}, /*forbid_emulation=*/true));
  Lease(free, /*emulated=*/true);
  EXPECT_FALSE(Join(free, {5, 0, 0}, /*forbid_emulation=*/true)) << "its result would be refused";
  EXPECT_TRUE(Join(free, {5, 0, 0}, /*forbid_emulation=*/false));
}

TEST_F(AttemptBoardTest, JoiningKnowsTimeSecretsAndReplicas) {
  Attempt attempt = AttemptOf(kFirst, {"one"});
  attempt.begun_at = 100;
  const TaskId task = board_.Begin(std::move(attempt));
  EXPECT_FALSE(Join(task, kSecond, false, /*since=*/101));
  EXPECT_FALSE(board_.Join(KeyOf(task), {kSecond}, [](const Attempt&) { return false; }));
  const TaskId replica = board_.Begin(AttemptOf({1, 0, 1}, {"replica"}));
  EXPECT_FALSE(Join(replica, kSecond));
  // A second attempt at the same step, begun late enough for who refused the first.
  Attempt later = AttemptOf(kThird, {"one"});
  later.begun_at = 200;
  const TaskId second = board_.Begin(std::move(later));
  ASSERT_TRUE(Join(task, kSecond, false, /*since=*/101));
  EXPECT_THAT(board_.End(second).waiters, ElementsAre(kSecond));
}

TEST_F(AttemptBoardTest, RestoredLeasesAreTakenOnceOrWithTheirBuild) {
  board_.Expect(kFirst, LeaseOf(7));
  board_.Expect({1, 1, 0}, LeaseOf(8));
  board_.Expect(kSecond, LeaseOf(9));
  EXPECT_EQ(board_.TakeRestored(kFirst)->lease, 7u);
  EXPECT_FALSE(board_.TakeRestored(kFirst));
  const auto rest = board_.TakeRestoredOf(1);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].lease, 8u);
  EXPECT_EQ(board_.TakeRestored(kSecond)->lease, 9u);
}

// Runs come, join, leave, are held and leased; steps end, tasks are lost. Whatever happens, each run is
// owner, waiter or absent as the simulation believes, and nobody who was on the board leaves it unnoticed.
class Simulation {
 public:
  explicit Simulation(uint32_t seed) : random_(seed) {}

  void Step() {
    switch (Pick(8)) {
      case 0:
      case 1:
        Come();
        break;
      case 2:
        if (const auto run = AnyPresent()) {
          board_.Leave(*run);
          present_.erase(*run);
        }
        break;
      case 3:
        WithTask([&](TaskId task) {
          if (board_.Find(task)->lease == 0 && !board_.Find(task)->held_since)
            board_.Lease(task, Assignment{next_lease_++, task, "w", Pick(2) == 0}, "h", {});
        });
        break;
      case 4:
        WithTask([&](TaskId task) {
          if (!board_.Find(task)->complete()) Returned(board_.FinishStep(task, LayerOf(Pick(20))));
        });
        break;
      case 5:
        WithTask([&](TaskId task) { Returned(board_.End(task).Runs()); });
        break;
      case 6:
        WithTask([&](TaskId task) { board_.Release(task); });
        break;
      case 7:
        for (const Attempt& ended : board_.TakeUnwanted()) {
          EXPECT_FALSE(ended.owner);
          Returned(ended.waiters);
        }
        for (const auto& [task, attempt] : board_.all()) EXPECT_FALSE(attempt.Runs().empty());
        break;
    }
    ASSERT_EQ(board_.Violation(), "");
    for (const StageRunId& run : present_) ASSERT_TRUE(board_.IsPresent(run));
    size_t count = 0;
    for (const auto& [task, attempt] : board_.all()) count += attempt.Runs().size();
    ASSERT_EQ(count, present_.size());
  }

 private:
  int Pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }

  void Come() {
    const StageRunId run{Pick(6), Pick(3), Pick(4) == 0 ? 1 : 0};
    if (present_.contains(run)) return;
    Attempt attempt = AttemptOf(run, {fmt::format("step {}", Pick(3)), "next"});
    attempt.begun_at = Pick(10);
    attempt.needs_client = Pick(4) == 0;
    attempt.requirements.forbid_emulation = Pick(3) == 0;
    if (attempt.needs_client && Pick(2) == 0) attempt.held_since = absl::UnixEpoch();
    const Joiner joiner{run, Pick(10), Pick(3) == 0};
    present_.insert(run);
    if (run.replica == 0 && !board_.all().empty()) {
      const TaskId some = std::next(board_.all().begin(), Pick(static_cast<int>(board_.all().size())))->first;
      if (board_.Join(board_.Find(some)->key, joiner, [&](const Attempt&) { return Pick(4) > 0; })) return;
    }
    board_.Begin(std::move(attempt));
  }

  std::optional<StageRunId> AnyPresent() {
    if (present_.empty()) return std::nullopt;
    return *std::next(present_.begin(), Pick(static_cast<int>(present_.size())));
  }

  template <typename Use>
  void WithTask(Use use) {
    if (!board_.all().empty())
      use(std::next(board_.all().begin(), Pick(static_cast<int>(board_.all().size())))->first);
  }

  void Returned(const std::vector<StageRunId>& runs) {
    for (const StageRunId& run : runs) EXPECT_EQ(present_.erase(run), 1u);
  }

  std::mt19937 random_;
  AttemptBoard board_;
  LeaseNumber next_lease_ = 1;
  std::set<StageRunId> present_;
};

TEST(AttemptBoardSimulationTest, NobodyIsForgotten) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(seed);
    for (int step = 0; step < 400; ++step) {
      simulation.Step();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace crossmill::core
