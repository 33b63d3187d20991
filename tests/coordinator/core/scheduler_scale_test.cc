// What a decision costs: it must not grow with the farm.
#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "tests/coordinator/core/messages.h"
#include "tests/coordinator/core/scheduler_fixture.h"

namespace crossmill::core {
namespace {

enum class Mix {
  // One platform; half of the workers follow their machines' load.
  kPlain,
  // The same with all that placing in time knows: paths, times, layers, replicas that avoid hosts, a platform
  // whose native workers are too few.
  kEverything,
};

v1::WorkerInfo WorkerOf(Mix mix, int number) {
  const std::string name = "w" + std::to_string(number);
  const bool arm = mix == Mix::kEverything && number % 10 == 0;
  v1::WorkerInfo info = arm ? Worker(name, "h" + name, 4, "arm64") : WorkerByLoad(name, "h" + name, 4);
  if (mix == Mix::kEverything && number % 10 == 1) info = Worker(name, "h" + name, 4, "amd64", "arm64");
  info.set_slots_by_load(!arm && number % 2 == 0);
  info.set_slots(4);
  return info;
}

Requirements RequirementsOf(Mix mix, int number, int workers, std::mt19937& random) {
  Requirements requirements = Using(number % 3 == 0 ? std::nullopt : std::optional(1.0));
  if (mix == Mix::kPlain) return requirements;
  if (number % 5 == 0) requirements.platform = PlatformOf("arm64");
  const absl::Duration native = absl::Milliseconds(1 + random() % 60'000);
  requirements.path = native + absl::Seconds(random() % 900);
  if (number % 7 != 0) requirements.time = {native, native * (3 + random() % 10)};
  // A base that many share, a stage that a few share, and layers of its own.
  for (int layer = 0; layer < 6; ++layer) {
    const uint64_t kinds = layer == 0 ? 5 : layer < 3 ? 200 : 20'000;
    requirements.layers.push_back(
        {std::to_string(layer) + "-" + std::to_string(random() % kinds), (100 - layer) * kMiB});
  }
  if (number % 6 == 0) {
    requirements.spread = Spread::kHosts;
    requirements.group = number / 12 + 1;
    for (int i = 0; i < 2; ++i) requirements.avoid.hosts.insert("hw" + std::to_string(random() % workers));
  }
  return requirements;
}

struct Cost {
  // Processor's time, in microseconds: finishing one task, placing the next, and looking for what cannot be
  // placed.
  double decision = 0;
  double enqueue = 0;
};

Cost CostOf(Mix mix, int workers, int tasks) {
  Scheduler scheduler(SchedulerOptions{}, CountedLeases());
  absl::Time now = absl::FromUnixSeconds(1000);
  std::mt19937 random(7);
  for (int i = 0; i < workers; ++i) scheduler.Connect(WorkerOf(mix, i), {}, false, now);
  for (int i = 0; i < tasks; ++i) scheduler.Enqueue(i, RequirementsOf(mix, i, workers, random), now);
  std::vector<Assignment> running = scheduler.Assign(now);
  constexpr int kDecisions = 4000;
  size_t decided = 0;
  clock_t deciding = 0;
  clock_t enqueuing = 0;
  for (int i = 0; i < kDecisions; ++i) {
    now += absl::Milliseconds(1);
    Requirements coming = RequirementsOf(mix, tasks + i, workers, random);
    Assignment& ended = running[random() % running.size()];
    const clock_t began = clock();
    scheduler.Finish(ended.lease);
    const std::vector<Assignment> assigned = scheduler.Assign(now);
    scheduler.Expire(now);
    scheduler.Unplaceable(now);
    const clock_t placed = clock();
    scheduler.Enqueue(tasks + i, std::move(coming), now);
    deciding += placed - began;
    enqueuing += clock() - placed;
    decided += assigned.size();
    if (assigned.empty()) continue;
    ended = assigned[0];
    running.insert(running.end(), assigned.begin() + 1, assigned.end());
  }
  EXPECT_GT(decided, kDecisions / 2u);
  const double in_microseconds = 1e6 / CLOCKS_PER_SEC / kDecisions;
  return {static_cast<double>(deciding) * in_microseconds, static_cast<double>(enqueuing) * in_microseconds};
}

class SchedulerScaleTest : public ::testing::TestWithParam<Mix> {};

TEST_P(SchedulerScaleTest, ADecisionCostsTheSameAmongTenThousandWorkers) {
  const Cost few = CostOf(GetParam(), 100, 4'000);
  const Cost many = CostOf(GetParam(), 10'000, 100'000);
  RecordProperty("microseconds", std::to_string(many.decision));
  RecordProperty("microseconds_among_few", std::to_string(few.decision));
  RecordProperty("microseconds_to_enqueue", std::to_string(many.enqueue));
  // A hundred times as many: a walk over them would be a hundred times as long.
  EXPECT_LT(many.decision, few.decision * 15) << many.decision << " us against " << few.decision;
  EXPECT_LT(many.enqueue, few.enqueue * 15) << many.enqueue << " us against " << few.enqueue;
}

INSTANTIATE_TEST_SUITE_P(Mixes, SchedulerScaleTest, ::testing::Values(Mix::kPlain, Mix::kEverything),
                         [](const auto& info) { return info.param == Mix::kPlain ? "Plain" : "Everything"; });

}  // namespace
}  // namespace crossmill::core
