// A farm whose workers take as long as they are told: days of builds in less than a second, for tests of who
// gets how much. Deterministic for one list of builds.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/core/scheduler.h"
#include "tests/coordinator/core/scheduler_fixture.h"

namespace crossmill::core {

struct SimulatedStage {
  std::string architecture;
  absl::Duration native;
};

// Stages one after the other; with `verified` each is repeated on another host, beside the next ones.
struct SimulatedBuild {
  std::string project;
  absl::Duration arrives;
  std::vector<SimulatedStage> stages;
  bool verified = false;
  int32_t priority = 0;
};

struct SimulatedHosts {
  int amd64 = 0;
  int arm64 = 0;
  int slots = 1;
};

struct Simulated {
  // From its arrival to the end of its last task, by the build's place in the list.
  std::vector<absl::Duration> lasted;
  // From when a task was queued to its lease: of first executions and of replicas, the longest and the sum.
  absl::Duration longest_wait, replicas_wait;
  int replicas = 0;
  // Native times of what ended before the last build came.
  absl::Duration done_by_then;
  // When everything was over.
  absl::Duration end;
};

class SimulatedFarm {
 public:
  SimulatedFarm(SimulatedHosts hosts, SchedulerOptions options) : scheduler_(options, CountedLeases()) {
    for (int i = 0; i < hosts.amd64; ++i) Connect("amd64", "arm64", i, hosts.slots);
    for (int i = 0; i < hosts.arm64; ++i) Connect("arm64", "", i, hosts.slots);
  }

  // `fair` false: as if all were one project's, which is who comes first is served first.
  Simulated Run(const std::vector<SimulatedBuild>& builds, bool fair) {
    builds_ = &builds;
    fair_ = fair;
    result_.lasted.resize(builds.size());
    left_.assign(builds.size(), 0);
    for (size_t i = 0; i < builds.size(); ++i) {
      events_.emplace(begin_ + builds[i].arrives, std::pair(-1 - static_cast<int64_t>(i), 0));
      last_arrival_ = std::max(last_arrival_, begin_ + builds[i].arrives);
    }
    while (!events_.empty()) {
      now_ = events_.begin()->first;
      // All of one moment, as one batch of the engine would be.
      while (!events_.empty() && events_.begin()->first == now_) {
        const auto [what, lease] = events_.extract(events_.begin()).mapped();
        if (what < 0) {
          Begin(static_cast<size_t>(-1 - what), 0);
        } else {
          End(static_cast<TaskId>(what), static_cast<LeaseNumber>(lease));
        }
      }
      Assign();
    }
    result_.end = now_ - begin_;
    return result_;
  }

 private:
  struct Task {
    size_t build;
    size_t stage;
    bool replica;
    absl::Time queued;
    std::string host;
  };

  void Connect(const std::string& native, const std::string& emulated, int number, int slots) {
    const std::string name = native + "-" + std::to_string(number);
    hosts_.push_back(name);
    scheduler_.Connect(Worker(name, name, slots, native, emulated), {}, false, begin_);
  }

  void Enqueue(size_t build, size_t stage, const std::string& avoid) {
    const SimulatedBuild& from = (*builds_)[build];
    const SimulatedStage& what = from.stages[stage];
    Requirements requirements = On(what.architecture);
    if (fair_) requirements.project = from.project;
    requirements.priority = from.priority;
    requirements.time = {what.native, what.native * 6};
    requirements.path = now_ - begin_ - from.arrives;
    for (size_t i = stage; i < from.stages.size(); ++i) requirements.path += from.stages[i].native;
    if (!avoid.empty()) {
      requirements.spread = Spread::kHosts;
      requirements.group = next_;
      requirements.avoid.hosts.insert(avoid);
      requirements.path = what.native;
    }
    tasks_[next_] = {build, stage, !avoid.empty(), now_, ""};
    ++left_[build];
    scheduler_.Enqueue(next_++, requirements, now_);
  }
  void Begin(size_t build, size_t stage) { Enqueue(build, stage, ""); }

  void End(TaskId id, LeaseNumber lease) {
    const Task task = tasks_.extract(id).mapped();
    scheduler_.Finish(lease);
    const SimulatedBuild& build = (*builds_)[task.build];
    if (now_ <= last_arrival_) result_.done_by_then += build.stages[task.stage].native;
    if (!task.replica && build.verified) Enqueue(task.build, task.stage, task.host);
    if (!task.replica && task.stage + 1 < build.stages.size()) Begin(task.build, task.stage + 1);
    if (--left_[task.build] == 0) result_.lasted[task.build] = now_ - begin_ - build.arrives;
  }

  void Assign() {
    for (const std::string& worker : hosts_) scheduler_.Heartbeat(worker, now_);
    scheduler_.Expire(now_);
    for (const Assignment& assignment : scheduler_.Assign(now_)) {
      Task& task = tasks_.at(assignment.task);
      task.host = assignment.worker;
      const absl::Duration waited = now_ - task.queued;
      result_.longest_wait = std::max(result_.longest_wait, waited);
      if (task.replica) ++result_.replicas;
      if (task.replica) result_.replicas_wait += waited;
      const absl::Duration native = (*builds_)[task.build].stages[task.stage].native;
      events_.emplace(now_ + (assignment.emulated ? native * 6 : native),
                      std::pair(static_cast<int64_t>(assignment.task), assignment.lease));
    }
  }

  const absl::Time begin_ = absl::FromUnixSeconds(31'536'000);
  Scheduler scheduler_;
  std::vector<std::string> hosts_;
  const std::vector<SimulatedBuild>* builds_ = nullptr;
  bool fair_ = true;
  absl::Time now_ = begin_;
  absl::Time last_arrival_ = begin_;
  // A task's end with its lease, or the arrival of a build: -1 less its place.
  std::multimap<absl::Time, std::pair<int64_t, LeaseNumber>> events_;
  std::map<TaskId, Task> tasks_;
  std::vector<int> left_;
  TaskId next_ = 1;
  Simulated result_;
};

}  // namespace crossmill::core
