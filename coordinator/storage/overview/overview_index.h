// The tables that lists of builds, the wall and trends are answered from: filled in the transactions that end
// builds, and once for what was there before them.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::storage {

// A build that has ended, before IndexEndedBuild notes that it has: sums count it once. Once more is OK.
absl::Status IndexOverview(Connection& connection, const v1::BuildSubmission& submission,
                           const v1::BuildView& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());

// Everything of an older record, in the transaction of the migration that made the tables; what cannot be
// read is passed over with a warning.
absl::Status FillOverview(Database& database);

}  // namespace crossmill::storage
