// Leases from before a restart that nobody goes on with: the worker that still runs under one is told to drop
// it.
#pragma once

#include <cstdint>

#include "coordinator/core/attempt_board.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

// What ended already stays as it is: only that is passed over here, for a disk that refuses a write fails the
// whole batch (Connection).
inline void Supersede(const core::RestoredLease& lease, storage::RecordStore& records) {
  records.EndLease(lease.lease, "superseded").IgnoreError();
  if (lease.execution != 0) records.AbandonExecution(lease.execution).IgnoreError();
}

// Those that the runs of the build did not take up again.
inline void SupersedeRestored(int64_t build, core::AttemptBoard& board, storage::RecordStore& records) {
  for (const core::RestoredLease& lease : board.TakeRestoredOf(build)) Supersede(lease, records);
}

}  // namespace crossmill::coordinator
