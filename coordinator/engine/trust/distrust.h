// A worker that is not believed any more: its results are taken back, and what they reached is listed.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/core/standing/drained_workers.h"
#include "coordinator/storage/trust/trust_records.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator {

struct ReachedBuild {
  int64_t id = 0;
  v1::BuildStatus status = v1::BUILD_STATUS_UNSPECIFIED;
  std::vector<std::string> tags;
};

struct Distrusted {
  // Results that could be reused until now, and exports of stages.
  int64_t results = 0;
  int64_t exports = 0;
  // In order.
  std::vector<ReachedBuild> builds;
};

// Thread safe; the references outlive it.
class Distrust {
 public:
  // `records` is the connection that the farm writes on, `committed` one for long questions.
  Distrust(storage::TrustRecords& records, storage::TrustRecords& committed, core::DrainedWorkers& workers,
           Clock& clock)
      : records_(records), committed_(committed), workers_(workers), clock_(clock) {}

  // Who is not believed, of the record: at the start.
  absl::Status Restore();
  // Nothing that the worker made since then, or makes until Trust, is used by what comes. Again it lists the
  // same and takes back what came meanwhile. A record that cannot be written leaves the worker distrusted
  // until the coordinator ends.
  absl::StatusOr<Distrusted> Do(const std::string& worker, absl::Time since);
  // What it makes from now on counts. NOT_FOUND if it is not distrusted.
  absl::Status Undo(const std::string& worker);

 private:
  // Executions of the worker, and those that installed what these compiled.
  absl::StatusOr<std::set<int64_t>> ReachedExecutions(const std::string& worker, int64_t since_ns);
  absl::StatusOr<std::vector<ReachedBuild>> ReachedBuilds(std::set<int64_t> executions);

  storage::TrustRecords& records_;
  storage::TrustRecords& committed_;
  core::DrainedWorkers& workers_;
  Clock& clock_;
  // Held over a change of the record and of memory. Nothing else waits for it.
  Mutex changing_;
};

}  // namespace crossmill::coordinator
