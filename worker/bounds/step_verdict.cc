#include "worker/bounds/step_verdict.h"

#include "common/base/status.h"
#include "common/words/step_bounds.h"

namespace crossmill::worker {
namespace {

// A step of a few processes may be one below its limit when a fork asks for two.
constexpr uint64_t kNearLimit = 2;

v1::BoundReached Reached(const BoundFacts& facts, v1::StepBound bound, uint64_t peak) {
  v1::BoundReached reached;
  reached.set_bound(bound);
  reached.set_limit(ValueOf(facts.bounds, bound));
  reached.set_peak(peak);
  reached.set_of_worker(ValueOf(facts.asked, bound) != reached.limit());
  reached.set_survived(!facts.failed);
  return reached;
}

void Keep(v1::BoundReached reached, BoundVerdict* verdict) {
  if (reached.survived()) verdict->warnings.push_back(TellBoundReached(reached));
  verdict->reached = std::move(reached);
}

// The kernel counts a kill for the group of who was killed, whoever had no memory left.
void JudgeMemory(const BoundFacts& facts, BoundVerdict* verdict) {
  const GroupReadings& group = facts.group;
  const uint64_t kills = group.memory_kills.value_or(0);
  if (kills == 0) return;
  const bool came = facts.bounds.memory() > 0 && group.at_memory_limit.value_or(0) > 0;
  // Without an exact count a step that came to both may have been killed for either.
  if (came && (group.at_limit_is_exact || facts.above_at_memory_limit == 0)) {
    return Keep(Reached(facts, v1::STEP_BOUND_MEMORY, group.peak_memory.value_or(0)), verdict);
  }
  const std::string who = !facts.above_at_memory_limit
                              ? "all steps of the worker together, or its machine, had no memory left"
                          : *facts.above_at_memory_limit > 0
                              ? "all steps of the worker together came to their memory limit (--step-memory)"
                              : "the worker's machine had no memory left";
  const std::string what =
      fmt::format("{}, and the kernel killed {} process{} of this step", who, kills, kills == 1 ? "" : "es");
  if (facts.failed) {
    verdict->elsewhere = absl::ResourceExhaustedError(what);
  } else {
    verdict->warnings.push_back(what);
  }
}

void JudgeProcesses(const BoundFacts& facts, BoundVerdict* verdict) {
  const GroupReadings& group = facts.group;
  if (group.refused_processes.value_or(0) == 0) return;
  const uint64_t limit = facts.bounds.processes();
  if (limit > 0 && group.peak_processes && *group.peak_processes + kNearLimit > limit)
    return Keep(Reached(facts, v1::STEP_BOUND_PROCESSES, *group.peak_processes), verdict);
  const std::string what =
      group.peak_processes
          ? fmt::format(
                "all steps of the worker together came to their limit of processes (--step-processes), "
                "and this one, which had {}, could make no more",
                *group.peak_processes)
          : "processes could not be made: a limit of the step or of all steps of the worker together";
  if (facts.failed && group.peak_processes) {
    verdict->elsewhere = absl::ResourceExhaustedError(what);
  } else {
    verdict->warnings.push_back(what);
  }
}

}  // namespace

BoundVerdict JudgeBounds(const BoundFacts& facts) {
  BoundVerdict verdict;
  if (facts.watched) {
    verdict.reached = Reached(facts, facts.watched->bound(), facts.watched->peak());
    verdict.reached->set_survived(false);
    return verdict;
  }
  JudgeMemory(facts, &verdict);
  if (!verdict.reached && verdict.elsewhere.ok()) JudgeProcesses(facts, &verdict);
  return verdict;
}

}  // namespace crossmill::worker
