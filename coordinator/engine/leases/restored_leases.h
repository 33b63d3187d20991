// Leases from before a restart: whether what a worker still executes under one is what its run asks for now,
// and the end of those that nobody goes on with: their workers are told to drop them.
#pragma once

#include "coordinator/core/attempt_board.h"
#include "coordinator/core/build_state.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

// Whether the results of the lease are those that a run without a result from step `first` (an index into
// StagePlan.steps) on waits for.
//
// A walk after a restart can find less than the walk before it, because a layer was lost meanwhile, or
// something else, because another build executed a step as well. A result is recorded under a key of the
// layers below it, so it may only be taken of a worker that has just these below it. For the first execution:
//   - the lease begins at step `first` or before, on the layers that the run has there;
//   - the steps between were executed under this very lease: of others the worker has its own layers;
//   - the steps from there on are the same (what they copy from other stages, too).
// A replica stands on the first execution's layers at every step, so of it the steps between may be
// anybody's.
bool IsStillAsked(const core::RestoredLease& lease, const core::BuildState& state,
                  const core::StageRunId& run, int first, storage::RecordStore& records);

// What ended already stays as it is: only that is passed over here, for a disk that refuses a write fails the
// whole batch (Connection).
void Supersede(const core::RestoredLease& lease, storage::RecordStore& records);

// Those that the runs of the build did not take up again.
void SupersedeRestored(int64_t build, core::AttemptBoard& board, storage::RecordStore& records);

}  // namespace crossmill::coordinator
