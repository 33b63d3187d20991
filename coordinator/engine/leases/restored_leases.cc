#include "coordinator/engine/leases/restored_leases.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "common/base/status.h"
#include "common/plan/step_key.h"

namespace crossmill::coordinator {
namespace {

// Both have a layer of the same content.
bool IsSame(const v1::Layer& one, const v1::Layer& other) {
  return FromProto(one.tar()) == FromProto(other.tar());
}

bool WasExecutedUnder(const core::RestoredLease& lease, const core::StepFact& fact,
                      storage::RecordStore& records) {
  const auto execution = records.GetExecution(fact.execution);
  return execution.ok() && static_cast<core::LeaseNumber>(execution->lease) == lease.lease;
}

}  // namespace

bool IsStillAsked(const core::RestoredLease& lease, const core::BuildState& state,
                  const core::StageRunId& run, int first, storage::RecordStore& records) {
  const int steps = state.plan().stages(run.stage).steps_size();
  const auto index_of = [](const v1::Step& step) { return static_cast<int>(step.number()) - 2; };
  const int begins = lease.task.steps().empty() ? steps : index_of(lease.task.steps(0));
  if (begins < 0 || begins > first) return false;
  const std::vector<v1::Layer> below = state.ChainBefore(run.stage, begins);
  if (!std::equal(below.begin(), below.end(), lease.task.parents().begin(), lease.task.parents().end(),
                  IsSame)) {
    return false;
  }
  return std::all_of(lease.task.steps().begin(), lease.task.steps().end(), [&](const v1::Step& step) {
    const int index = index_of(step);
    if (index < begins || index >= steps) return false;
    const std::optional<core::StepFact> fact = state.FactAt(run.stage, index, std::nullopt);
    if (run.replica > 0) {
      if (step.has_expected() && !(fact && IsSame(fact->layer, step.expected()))) return false;
    } else if (index < first) {
      return fact.has_value() && WasExecutedUnder(lease, *fact, records);
    }
    // The layers below are compared: of the keys only the action counts.
    return plan::StepKey(lease.task, {}, step) ==
           plan::StepKey(lease.task, {}, state.ResolveStep(run.stage, index));
  });
}

void Supersede(const core::RestoredLease& lease, storage::RecordStore& records) {
  records.EndLease(lease.lease, "superseded").IgnoreError();
  if (lease.execution != 0) records.AbandonExecution(lease.execution).IgnoreError();
}

void SupersedeRestored(int64_t build, core::AttemptBoard& board, storage::RecordStore& records) {
  for (const core::RestoredLease& lease : board.TakeRestoredOf(build)) Supersede(lease, records);
}

}  // namespace crossmill::coordinator
