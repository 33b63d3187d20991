// Rows of the record that only say where something is: those that nobody has used for long go, but what is
// needed stays (docs/operations.md, "What is kept").
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/blobs/blob_name.h"
#include "coordinator/retention/aging.h"
#include "coordinator/retention/needed_blobs.h"
#include "coordinator/retention/policies.h"
#include "coordinator/storage/retention/cache_rows.h"

namespace crossmill::coordinator {

// Not thread safe. What it is given outlives it.
class RowAging {
 public:
  // `used_at`: when the blob was used last; nothing: it is nowhere.
  RowAging(storage::Connection& connection, std::function<absl::Status()> pace,
           std::function<absl::StatusOr<std::optional<int64_t>>(const BlobName&)> used_at)
      : rows_(connection), pace_(std::move(pace)), used_at_(std::move(used_at)) {}

  // `unplanned_since`: what was used since then may be needed by a build that is still being planned. Kinds
  // of which nothing went are left out.
  absl::StatusOr<std::vector<AgedSum>> Run(const Policies& policies, const NeededBlobs& needed, int64_t now,
                                           int64_t unplanned_since, bool dry_run);

 private:
  absl::StatusOr<bool> IsDue(const storage::CacheRow& row, const NeededBlobs& needed, int64_t before);
  absl::StatusOr<int64_t> Thin(storage::CacheRowKind kind, const NeededBlobs& needed, int64_t before,
                               bool dry_run);

  storage::CacheRows rows_;
  const std::function<absl::Status()> pace_;
  const std::function<absl::StatusOr<std::optional<int64_t>>(const BlobName&)> used_at_;
};

}  // namespace crossmill::coordinator
