// Rows that get old: which consoles and events are due by their age, and which names of images. Every call is
// short: others wait for the connection's transactions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/retention/kept_records.h"

namespace crossmill::storage {

struct AgingExecution {
  int64_t id = 0;
  int64_t build = 0;
  // Unix time in nanoseconds; of one whose worker was lost when it began. Nothing: it runs.
  std::optional<int64_t> ended_at;
  bool failed = false;
};

struct AgingBuild {
  int64_t id = 0;
  // Nothing: it runs.
  std::optional<int64_t> ended_at;
};

// Thread safe. The connection outlives it.
class AgingRecords {
 public:
  explicit AgingRecords(Connection& connection) : connection_(connection) {}

  // How far work that goes in order has come; 0: nowhere.
  absl::StatusOr<int64_t> Mark(const std::string& name);
  absl::Status SetMark(const std::string& name, int64_t mark);

  // By id.
  absl::StatusOr<std::vector<AgingExecution>> Executions(int64_t behind, int limit);
  absl::StatusOr<std::vector<AgingBuild>> Builds(int64_t behind, int limit);
  // Whether on some platform the build is bad and the one of its recipe before it that was judged is good, or
  // there is none.
  absl::StatusOr<bool> IsFirstBad(int64_t build);

  // In one transaction, as ThinEvents does: a sync of the disk for each row would take hours.
  absl::Status NoteLogsRemoved(absl::Span<const int64_t> executions, int64_t now_ns);
  // 0: it was not.
  absl::StatusOr<int64_t> LogRemovedAt(int64_t execution);
  // Of builds that have ended: all but the last event, and what their leases were for. How many events went.
  absl::StatusOr<int64_t> EventsToThin(int64_t build);
  absl::StatusOr<int64_t> ThinEvents(absl::Span<const int64_t> builds, int64_t now_ns);
  // The name, if it still means the same. False: it does not.
  absl::StatusOr<bool> RemoveImage(const KeptImage& image);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
