// The control group of one step, below that of all steps of its worker (worker/host/step_groups): its limits,
// what it used, and whether a limit was its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "crossmill/v1/plan.pb.h"
#include "worker/host/step_groups.h"

namespace crossmill::worker {

// What the kernel counted for one group. Unset: it does not say.
struct GroupReadings {
  std::optional<uint64_t> peak_memory;
  // Processes of the group that were killed for want of memory, whoever's limit that was.
  std::optional<uint64_t> memory_kills;
  // How often the group came to its own memory limit, and nothing could be freed.
  std::optional<uint64_t> at_memory_limit;
  // That is its own limit only (version 2); version 1 tells a group of those above it, too.
  bool at_limit_is_exact = false;
  // Processes that could not be made in it, and the most there were.
  std::optional<uint64_t> refused_processes;
  std::optional<uint64_t> peak_processes;
  std::optional<double> user_seconds;
  std::optional<double> system_seconds;
  // Periods in which it had used up its share of the processors.
  std::optional<uint64_t> throttled_periods;
  std::optional<uint64_t> bytes_read;
  std::optional<uint64_t> bytes_written;
};

// Of a folder in one hierarchy; adds what that one knows.
void ReadGroup(int folder, const StepGroupBase& kind, GroupReadings* readings);

// Not thread safe. The bases must outlive it.
class StepGroup {
 public:
  // Only where a group is worth it: for processors where they are limited. An error: none can be made, and
  // nothing is left of it.
  static absl::StatusOr<std::unique_ptr<StepGroup>> Make(absl::Span<const StepGroupBase> bases,
                                                         const std::string& name,
                                                         const v1::StepBounds& bounds);
  // Removes the groups. Whoever is still in them is killed first.
  ~StepGroup();
  StepGroup(const StepGroup&) = delete;
  StepGroup& operator=(const StepGroup&) = delete;

  // Files into which the step's first process writes "0", in this order (ProcessOptions::joins).
  std::vector<int> joins() const;
  GroupReadings Read() const;
  // Kills every process in the groups that there are.
  void Kill() const;
  // Has groups that enforce it.
  bool limits_memory() const;
  bool limits_processes() const;
  bool limits_processors() const;
  // How often all steps together came to their memory limit since this group was made; unset: not known.
  std::optional<uint64_t> above_at_memory_limit() const;

 private:
  // Of an eventfd, which forgets what was read.
  struct EventCount {
    UniqueFd event;
    mutable uint64_t so_far = 0;
    std::optional<uint64_t> Count() const;
  };
  struct Part {
    const StepGroupBase* base;
    UniqueFd folder = {};
    UniqueFd join = {};
    // Version 1 only: the group, or one above it, had no memory left; and of these those above.
    EventCount came = {};
    EventCount above = {};
  };
  explicit StepGroup(std::string name) : name_(std::move(name)) {}
  absl::Status Add(const StepGroupBase& base, const v1::StepBounds& bounds);
  std::optional<uint64_t> ReadAbove() const;

  const std::string name_;
  std::vector<Part> parts_;
  std::optional<uint64_t> above_before_;
};

}  // namespace crossmill::worker
