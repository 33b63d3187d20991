// Control groups of the steps of one worker: how much memory and how many processes all of them together may
// have, so that a bomb in a step kills steps, not the worker, others beside it, or the coordinator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/files.h"

namespace crossmill::worker {

struct StepGroupOptions {
  // 0: UsualStepMemory, UsualStepProcesses.
  uint64_t memory = 0;
  uint64_t processes = 0;
  std::string root = "/sys/fs/cgroup";
  std::string own = "/proc/self/cgroup";
  // Whom the groups are given to, so that it can make one for each step after it has become that user; unset:
  // this process's own.
  std::optional<std::pair<uint32_t, uint32_t>> owner = {};
};

// The group of all steps in one hierarchy: each step gets one of its own in it.
struct StepGroupBase {
  // Opened before the namespaces, in which its path may be hidden.
  UniqueFd folder;
  // Into which a process writes "0" first: the folder's own processes, or, of version 2, those of a group
  // beside the steps', because one with groups below it has no processes. Then it may go on into a step's
  // group.
  UniqueFd join;
  bool memory = false;
  bool processes = false;
  bool processors = false;
  bool version_2 = false;
};

// Of a machine with so much memory: all but a tenth, at least a gigabyte of it, and never less than half.
uint64_t UsualStepMemory(uint64_t total);
// Of a kernel with so many process ids: a quarter, 8,192 at most.
uint64_t UsualStepProcesses(uint64_t most_ids);

// One folder below the cgroups of a process, by the text of its /proc/PID/cgroup.
struct GroupPlace {
  std::string folder;
  // "memory", "pids", "cpu" or several, of version 2 always all.
  bool memory = false;
  bool processes = false;
  bool processors = false;
  bool version_2 = false;
};
std::vector<GroupPlace> GroupPlaces(std::string_view own, const std::string& root);

class StepGroups {
 public:
  // Before EnterNamespaces and any thread: as root where that is what the worker was started as. Makes what
  // can be made; it is removed by a process that waits for the end of all processes that come from this one
  // by fork.
  static StepGroups Make(const StepGroupOptions& options);

  // Files into which a process writes "0" to be in the groups.
  std::vector<int> joins() const;
  const std::vector<StepGroupBase>& bases() const { return bases_; }
  // That all steps together are to have, in force or not.
  uint64_t wanted_memory() const { return memory_; }
  uint64_t wanted_processes() const { return processes_; }
  // "memory 14541 MiB, processes 8192", or what is not limited, and why.
  const std::string& said() const { return said_; }
  // They cannot be joined after all.
  void GiveUp(std::string_view why);

 private:
  std::vector<StepGroupBase> bases_;
  uint64_t memory_ = 0;
  uint64_t processes_ = 0;
  std::string said_;
};

}  // namespace crossmill::worker
