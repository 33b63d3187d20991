// Days of load on a simulated farm: what each project gets, against what a farm of its share would have given
// it.
//
// The fair time of a build is what it would have lasted had its project had its share of the capacity to
// itself: the same builds of that project alone, on a farm with so many of the slots of each platform
// (rounded up). Promised is that the builds of no project last more than twice that on average; that a
// project that asks for less than its share waits for hardly anything; and that nothing waits longer than it
// takes to serve all that was there.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "tests/coordinator/core/simulated_farm.h"

namespace crossmill::core {
namespace {

constexpr SimulatedHosts kFarm{.amd64 = 12, .arm64 = 6, .slots = 4};
constexpr int kDays = 2;

// Set to look at another load: CROSSMILL_SEED.
uint32_t Seed() {
  const char* given = std::getenv("CROSSMILL_SEED");
  return given == nullptr ? 20'261'128 : static_cast<uint32_t>(std::strtoul(given, nullptr, 10));
}

class Load {
 public:
  explicit Load(uint32_t seed) : random_(seed) {}

  // Builds that come one by one, with exponential pauses.
  void Steady(const std::string& project, absl::Duration pause, absl::Duration stage, bool verified) {
    absl::Duration at;
    while ((at += pause * std::exponential_distribution<>()(random_)) < absl::Hours(24) * kDays)
      Add(project, at, stage, verified);
  }
  // Many at a moment, now and then.
  void Bursts(const std::string& project, absl::Duration pause, int builds, absl::Duration stage,
              bool verified) {
    absl::Duration at = pause * 0.2;
    for (; at < absl::Hours(24) * kDays; at += pause * std::uniform_real_distribution<>(0.7, 1.3)(random_)) {
      for (int i = 0; i < builds; ++i) Add(project, at, stage, verified);
    }
  }
  const std::vector<SimulatedBuild>& builds() const { return builds_; }

 private:
  void Add(const std::string& project, absl::Duration at, absl::Duration stage, bool verified) {
    SimulatedBuild build{project, at, {}, verified};
    const char* architecture = random_() % 3 == 0 ? "arm64" : "amd64";
    const int stages = 1 + static_cast<int>(random_() % 4);
    for (int i = 0; i < stages; ++i) {
      const double factor = std::exponential_distribution<>()(random_);
      build.stages.push_back({architecture, stage * std::clamp(factor, 0.1, 4.0)});
    }
    builds_.push_back(std::move(build));
  }
  std::mt19937 random_;
  std::vector<SimulatedBuild> builds_;
};

// Busy, and for hours overloaded: a night's rebuild of everything, bursts of a matrix, long compilations,
// people who want an answer, and one that verifies everything.
std::vector<SimulatedBuild> DaysOfLoad(uint32_t seed) {
  Load load(seed);
  load.Bursts("nightly", absl::Hours(24), 2000, absl::Seconds(150), false);
  load.Bursts("matrix", absl::Hours(3), 120, absl::Seconds(90), false);
  load.Steady("compiler", absl::Minutes(4), absl::Minutes(12), false);
  load.Steady("people", absl::Minutes(5), absl::Seconds(40), false);
  load.Steady("verified", absl::Minutes(2), absl::Seconds(120), true);
  load.Bursts("release", absl::Hours(7), 60, absl::Minutes(5), true);
  return load.builds();
}

std::map<std::string, absl::Duration> MeanByProject(const std::vector<SimulatedBuild>& builds,
                                                    const std::vector<absl::Duration>& lasted) {
  std::map<std::string, std::pair<absl::Duration, int>> sums;
  for (size_t i = 0; i < builds.size(); ++i) {
    sums[builds[i].project].first += lasted[i];
    ++sums[builds[i].project].second;
  }
  std::map<std::string, absl::Duration> means;
  for (const auto& [project, sum] : sums) means[project] = sum.first / sum.second;
  return means;
}

// What each project's builds last on average when it has its share to itself.
std::map<std::string, absl::Duration> FairTimes(const std::vector<SimulatedBuild>& builds) {
  std::map<std::string, std::vector<SimulatedBuild>> own;
  for (const SimulatedBuild& build : builds) own[build.project].push_back(build);
  std::map<std::string, absl::Duration> times;
  for (const auto& [project, theirs] : own) {
    const auto part = [&, projects = static_cast<int>(own.size())](int hosts) {
      return (hosts * kFarm.slots + projects - 1) / projects;
    };
    // A slot a host: replicas find another one.
    SimulatedFarm farm({.amd64 = part(kFarm.amd64), .arm64 = part(kFarm.arm64), .slots = 1}, {});
    times[project] = MeanByProject(theirs, farm.Run(theirs, true).lasted).at(project);
  }
  return times;
}

std::map<std::string, double> TimesFair(const std::vector<SimulatedBuild>& builds,
                                        const Simulated& simulated) {
  std::map<std::string, double> ratios;
  const auto means = MeanByProject(builds, simulated.lasted);
  for (const auto& [project, fair] : FairTimes(builds)) {
    ratios[project] = absl::FDivDuration(means.at(project), fair);
    std::cout << project << ": " << absl::FormatDuration(means.at(project)) << ", fair "
              << absl::FormatDuration(fair) << ", " << ratios[project] << " times\n";
  }
  return ratios;
}

TEST(FairShareSimulation, NoProjectWaitsMoreThanTwiceItsFairTime) {
  const uint32_t seed = Seed();
  std::cout << "CROSSMILL_SEED=" << seed << "\n";
  const std::vector<SimulatedBuild> builds = DaysOfLoad(seed);
  const Simulated fair = SimulatedFarm(kFarm, {}).Run(builds, true);
  for (const auto& [project, times] : TimesFair(builds, fair)) EXPECT_LE(times, 2) << project;
  // The other way round it costs the farm nothing.
  const Simulated first_come = SimulatedFarm(kFarm, {}).Run(builds, false);
  EXPECT_GE(fair.done_by_then, first_come.done_by_then * 0.97);
  EXPECT_LE(fair.end, first_come.end * 1.05);
  std::cout << "done " << absl::FDivDuration(fair.done_by_then, first_come.done_by_then)
            << " of first come\n";
}

// The test above is able to fail: with one queue for all it does.
TEST(FairShareSimulation, FirstComeFirstServedIsNotFair) {
  const uint32_t seed = Seed();
  std::cout << "CROSSMILL_SEED=" << seed << "\n";
  const std::vector<SimulatedBuild> builds = DaysOfLoad(seed);
  const auto ratios = TimesFair(builds, SimulatedFarm(kFarm, {}).Run(builds, false));
  EXPECT_GT(ratios.at("people"), 4);
  EXPECT_TRUE(std::any_of(ratios.begin(), ratios.end(), [](const auto& each) { return each.second > 2; }));
}

// One that asks for much more than there is, without end, and all that others want.
TEST(FairShareSimulation, NothingStarvesBehindOneThatNeverEnds) {
  const uint32_t seed = Seed();
  std::cout << "CROSSMILL_SEED=" << seed << "\n";
  Load load(seed);
  load.Steady("endless", absl::Seconds(8), absl::Minutes(5), false);
  load.Steady("people", absl::Minutes(10), absl::Seconds(40), false);
  load.Steady("verified", absl::Minutes(10), absl::Seconds(120), true);
  std::vector<SimulatedBuild> builds = load.builds();
  // Within a project what is low comes behind, but it comes.
  for (size_t i = 0; i < builds.size(); ++i) {
    if (builds[i].project == "people") builds[i].priority = i % 2 == 0 ? 100 : -100;
  }
  const Simulated fair = SimulatedFarm(kFarm, {}).Run(builds, true);
  const auto ratios = TimesFair(builds, fair);
  EXPECT_LE(ratios.at("people"), 2);
  EXPECT_LE(ratios.at("verified"), 2);
  // All of it ends: what waits longest waits for no more than all that was there before.
  for (const absl::Duration lasted : fair.lasted) EXPECT_GT(lasted, absl::ZeroDuration());
}

// First executions alone would fill the farm for hours.
TEST(FairShareSimulation, ReplicasGetWhatIsReservedForThem) {
  const uint32_t seed = Seed();
  std::cout << "CROSSMILL_SEED=" << seed << "\n";
  Load load(seed);
  load.Bursts("one", absl::Hours(8), 1500, absl::Minutes(2), false);
  load.Steady("one", absl::Minutes(3), absl::Minutes(2), true);
  const std::vector<SimulatedBuild>& builds = load.builds();
  const Simulated without = SimulatedFarm(kFarm, {}).Run(builds, true);
  SchedulerOptions reserving;
  reserving.verify_reserve = 0.1;
  const Simulated with = SimulatedFarm(kFarm, reserving).Run(builds, true);
  ASSERT_EQ(with.replicas, without.replicas);
  std::cout << "replicas waited " << absl::FormatDuration(with.replicas_wait / with.replicas) << " each, "
            << absl::FormatDuration(without.replicas_wait / without.replicas) << " without a reserve\n";
  EXPECT_LT(with.replicas_wait, without.replicas_wait / 4);
  EXPECT_GE(with.done_by_then, without.done_by_then * 0.97);
}

}  // namespace
}  // namespace crossmill::core
