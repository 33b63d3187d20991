#include "coordinator/core/host_room.h"

#include <algorithm>
#include <cmath>

namespace crossmill::core {
namespace {

// Sums of fractions drift by rounding; nothing that is decided here is finer.
constexpr double kGrain = 0.01;
// A task that is known to use less only waits: it need not wait for a processor as well.
constexpr double kHardlyAny = 0.05;

// Kept free for what the machine does beside: a twentieth of the memory, at least 256 MiB.
uint64_t Reserve(uint64_t total) { return std::max(total / 20, uint64_t{256} << 20); }

}  // namespace

double HostRoom::CpusOf(const ExpectedUse& use) { return use.cpus.value_or(kUnseenCpus); }

uint64_t HostRoom::MemoryOf(const ExpectedUse& use) { return use.memory == 0 ? kUnseenMemory : use.memory; }

void HostRoom::Charge(const Task& task, int sign) {
  if (task.use.cpus) known_cpus_ += sign * CpusOf(task.use);
  if (!task.young) return;
  young_cpus_ += sign * CpusOf(task.use);
  young_memory_ += sign < 0 ? -MemoryOf(task.use) : MemoryOf(task.use);
}

void HostRoom::Report(const v1::HostLoad& load, absl::Time now) {
  load_ = load;
  // Whatever a worker sends must not become a number that no comparison is true of.
  load_.set_busy_cpus(std::isfinite(load.busy_cpus()) ? std::max(0.0, load.busy_cpus()) : 0.0);
  for (auto& [lease, task] : tasks_) {
    if (!task.young || now - task.since < kRamp) continue;
    Charge(task, -1);
    task.young = false;
    Charge(task, 1);
  }
}

void HostRoom::Add(uint64_t lease, const ExpectedUse& use, absl::Time now) {
  Remove(lease);
  Charge(tasks_.emplace(lease, Task{use, now}).first->second, 1);
}

void HostRoom::Remove(uint64_t lease) {
  const auto found = tasks_.find(lease);
  if (found == tasks_.end()) return;
  const Task& task = found->second;
  // Until the next report the measure still has what it used: the next task need not wait for that.
  if (!task.young) {
    const auto grown = static_cast<double>(
        std::count_if(tasks_.begin(), tasks_.end(), [](const auto& entry) { return !entry.second.young; }));
    const double used = task.use.cpus ? CpusOf(task.use) : load_.busy_cpus() / grown;
    load_.set_busy_cpus(std::max(0.0, load_.busy_cpus() - used));
  }
  Charge(task, -1);
  tasks_.erase(found);
}

double HostRoom::Used() const { return std::max(load_.busy_cpus() + young_cpus_, known_cpus_); }

bool HostRoom::Admits(const ExpectedUse& use) const {
  // Never more than the machine has: a task from a larger one must be able to run here.
  const double cpus = std::min(CpusOf(use), cpus_);
  if (cpus >= kHardlyAny && Used() + cpus > cpus_ + kGrain) return false;
  if (load_.total_memory() == 0) return true;
  return load_.memory_pressure() <= kMostMemoryPressure &&
         load_.available_memory() >= Reserve(load_.total_memory()) + young_memory_ + MemoryOf(use);
}

}  // namespace crossmill::core
