// The tables that questions about packages over many builds are answered from (package_queries.h): filled
// beside the rows that they are derived from, and once for what was there before them.
#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::storage {

// Adds the package rows of a finished execution. In the transaction that saves them.
absl::Status IndexPackages(Connection& connection, int64_t execution)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());
// Takes away what IndexPackages added, before the rows themselves go.
absl::Status UnindexPackages(Connection& connection, int64_t execution)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());

// A build that has ended: its recipe, where it succeeded, and which executions its steps have.
// Once more is OK.
absl::Status IndexEndedBuild(Connection& connection, const v1::BuildSubmission& submission,
                             const v1::BuildView& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());

// The SQL of what is done for every execution and every build: tests look at how it is executed.
absl::Span<const Sql* const> PackageIndexStatements();

// Everything of an older record, in the transaction of the migration that made the tables. Logs its progress.
// A view, plan or submission that cannot be read is passed over with a warning: what is not known of it is
// missing here, as it is elsewhere, and the farm starts.
absl::Status FillPackageIndex(Database& database);

}  // namespace crossmill::storage
