// What compiling packages has cost on this farm.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

struct CompileRow {
  int64_t build = 0;
  // Index in that build's plan.
  uint32_t stage = 0;
  double seconds = 0;
  bool emulated = false;
};

// Thread safe. The connection outlives it.
class CompileRecords {
 public:
  explicit CompileRecords(Connection& connection) : connection_(connection) {}

  // Of a package (normalised name) that was compiled from its source and of which it is known how long it
  // took, in a build that the scope sees: the latest first, at most `limit`.
  absl::StatusOr<std::vector<CompileRow>> Latest(const core::Scope& scope, std::string_view name,
                                                 std::string_view version, int limit);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
