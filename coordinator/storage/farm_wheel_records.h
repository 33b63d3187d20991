// Which wheels the farm has compiled, and what they were compiled from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::storage {

struct FarmWheelRow {
  // Given by Insert; from 1, never used twice.
  int64_t id = 0;
  std::string key;
  v1::FarmWheel wheel;
  std::string source_file;
  // "linux/arm64"
  std::string platform;
  v1::BuildDependencies build_dependencies;
  // Unix time in nanoseconds, as `used_at`; that is 0 if it was never offered.
  int64_t compiled_at = 0;
  int64_t uses = 0;
  int64_t used_at = 0;
};

// Thread safe. The connection outlives it.
class FarmWheelRecords {
 public:
  explicit FarmWheelRecords(Connection& connection) : connection_(connection) {}

  // FAILED_PRECONDITION: who compiled it is not believed.
  absl::StatusOr<int64_t> Insert(const FarmWheelRow& row);
  // Whether what the execution compiled may be used: it is not one whose worker is not believed.
  absl::StatusOr<bool> MayUse(int64_t execution);
  // Newest first.
  absl::StatusOr<std::vector<FarmWheelRow>> WithKey(std::string_view key);
  // Those that builds compiled that the scope sees, by project (of Python), version, platform, newest first;
  // `project` empty: all of them.
  absl::StatusOr<std::vector<FarmWheelRow>> List(std::string_view project, int limit,
                                                 const core::Scope& scope = core::Scope::OfFarm());
  // NOT_FOUND: there is none of that id.
  absl::StatusOr<FarmWheelRow> Find(int64_t id);
  absl::Status Remove(int64_t id);
  absl::Status NoteUse(int64_t id, int64_t now_ns);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
