// What room one machine has for further tasks: from what it measures, and from what the tasks are expected to
// take that were placed too recently to be in the measure. Pure.
//
// A step that waits (for the network, for a clock) holds no processor, so tasks are not counted, their use
// is. A task is charged in one of two ways. Young (placed less than kRamp before the last report): its
// expected use is added to the measure. Grown: the measure has it. Known tasks are charged their expected use
// as a least either way, so that a compiler that waits for a download at the moment of the report still
// counts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "absl/time/time.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::core {

// What a task will use, from earlier executions of its steps.
struct ExpectedUse {
  // Processors on average while it runs: 0.02 for a step that sleeps. Unset: never seen.
  std::optional<double> cpus;
  // Bytes; 0: never seen.
  uint64_t memory = 0;
};

// Not thread safe: the scheduler's lock guards it. Tasks are told apart by their leases.
class HostRoom {
 public:
  // Tasks are in the measure after that long.
  static constexpr absl::Duration kRamp = absl::Seconds(2);
  // Of a task that was never seen. Small, so that a burst of steps that wait begins at once: four for each
  // processor. If they compute after all, the next report says so and nothing more is placed.
  static constexpr double kUnseenCpus = 0.25;
  static constexpr uint64_t kUnseenMemory = uint64_t{128} << 20;
  // Beyond it a machine is short of memory, whatever is said to be available.
  static constexpr double kMostMemoryPressure = 0.2;

  void SetCpus(double cpus) { cpus_ = cpus; }
  void Report(const v1::HostLoad& load, absl::Time now);
  // What was told is too old to mean anything.
  void ForgetLoad() { load_ = {}; }
  void Add(uint64_t lease, const ExpectedUse& use, absl::Time now);
  void Remove(uint64_t lease);

  double cpus() const { return cpus_; }
  // Processors that are in use or promised.
  double Used() const;
  bool Admits(const ExpectedUse& use) const;

 private:
  struct Task {
    ExpectedUse use;
    absl::Time since;
    bool young = true;
  };
  // What a task is charged. It does not depend on the machine's size, which may be told anew while the task
  // runs: what was added is what is taken away.
  static double CpusOf(const ExpectedUse& use);
  static uint64_t MemoryOf(const ExpectedUse& use);
  void Charge(const Task& task, int sign);

  double cpus_ = 1;
  v1::HostLoad load_;
  std::map<uint64_t, Task> tasks_;
  // Sums over tasks_: of the young, and of all that were seen before.
  double young_cpus_ = 0;
  double known_cpus_ = 0;
  uint64_t young_memory_ = 0;
};

}  // namespace crossmill::core
