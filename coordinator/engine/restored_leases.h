// Leases from before a restart that nobody took up again.
#pragma once

#include <cstdint>

#include "coordinator/core/attempt_board.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

// Ends those of the build that its runs did not take up: the worker that still runs under one is told to drop
// it. Only in the loop.
void ForgetRestored(storage::RecordStore& records, core::AttemptBoard& board, int64_t build);

}  // namespace crossmill::coordinator
