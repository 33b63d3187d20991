#include "coordinator/engine/restored_leases.h"

namespace crossmill::coordinator {

// What ended already stays as it is: only that is passed over here, for a disk that refuses a write fails the
// whole batch (Connection).
void ForgetRestored(storage::RecordStore& records, core::AttemptBoard& board, int64_t build) {
  for (const core::RestoredLease& lease : board.TakeRestoredOf(build)) {
    records.EndLease(lease.lease, "superseded").IgnoreError();
    if (lease.execution != 0) records.AbandonExecution(lease.execution).IgnoreError();
  }
}

}  // namespace crossmill::coordinator
