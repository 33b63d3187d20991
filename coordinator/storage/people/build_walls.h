// Which builds and executions a caller may know of. What there is not and what it may not see are answered in
// the same words.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

// Thread safe. The connection outlives it.
class BuildWalls {
 public:
  explicit BuildWalls(Connection& connection) : connection_(connection) {}

  // The build; of 0 the latest that the caller sees. Of the whole farm what was given, which whoever reads it
  // looks up. NOT_FOUND.
  absl::StatusOr<int64_t> Find(const core::Scope& scope, int64_t build);
  // The same of one that is only read: also one of another project that shares it.
  absl::StatusOr<int64_t> FindReadable(const core::Scope& scope, int64_t build);
  absl::StatusOr<bool> IsShared(int64_t build);
  // Shared builds of the execution's project that may have reused it, the oldest first.
  absl::StatusOr<std::vector<int64_t>> SharedSince(int64_t execution);
  // NOT_FOUND unless the execution is of a build that the caller reads.
  absl::Status CheckExecution(const core::Scope& scope, int64_t execution);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
