// Which workers are not believed, what of theirs is not used any more, and how often their reports were
// untrue.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::storage {

struct UntrueReports {
  int64_t reports = 0;
  // What the last one was.
  std::string last;
};

struct PlannedBuild {
  int64_t id = 0;
  v1::BuildPlan plan;
  v1::BuildView view;
};

// Thread safe, as its connection, which outlives it. Nothing holds the connection for longer than some
// hundred rows take.
class TrustRecords {
 public:
  explicit TrustRecords(Connection& connection) : connection_(connection) {}

  // By name.
  absl::StatusOr<std::vector<std::string>> Distrusted();
  // OK too when nothing changes.
  absl::Status SetDistrusted(const std::string& worker, bool distrusted, int64_t now_ns);

  // Executions of the worker that finished since then, or have not finished.
  absl::StatusOr<std::set<int64_t>> MadeBy(const std::string& worker, int64_t since_ns);
  // Executions that installed a wheel which this one compiled.
  absl::StatusOr<std::set<int64_t>> InstalledFrom(int64_t execution);
  // When the earliest of them began; 0 for none.
  absl::StatusOr<int64_t> Earliest(const std::set<int64_t>& executions);
  // Nothing goes on from what they made, and the farm's wheels that they compiled are forgotten. How many
  // were used until now.
  absl::StatusOr<int64_t> TakeBack(const std::set<int64_t>& executions, int64_t now_ns);
  // Of an execution that has its packages: takes it back too if it installed what one compiled that was taken
  // back. True if it did.
  absl::StatusOr<bool> TakeBackWithItsWheels(int64_t execution, int64_t now_ns);
  // Which of them were taken back.
  absl::StatusOr<std::set<int64_t>> TakenBack(const std::set<int64_t>& executions);
  // Forgets the exports that the worker made since then, and those of which nobody knows who made them.
  absl::StatusOr<int64_t> DropExports(const std::string& worker, int64_t since_ns);

  // Builds after this id that were not over at that time, in order, at most `most`; those that were never
  // planned have empty plans.
  absl::StatusOr<std::vector<PlannedBuild>> BuildsAfter(int64_t id, int64_t time_ns, int64_t most);

  absl::Status CountUntrue(const std::string& worker, std::string_view what, int64_t now_ns);
  // Workers of whom none was are left out.
  absl::StatusOr<std::map<std::string, UntrueReports>> Untrue();

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
