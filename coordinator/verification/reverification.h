// Verifies again what was reproducible some time ago: because somebody asks, or by itself when the farm is
// idle.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/storage/history_records.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/verification/rebuilds.h"
#include "crossmill/v1/history.pb.h"

namespace crossmill::coordinator {

struct ReverificationOptions {
  // Nothing is due by itself unless it is above 0.
  absl::Duration older_than = absl::ZeroDuration();
  // Rebuilds that are submitted each time that the farm is found idle.
  int max = 1;
  // How often it looks.
  absl::Duration period = absl::Minutes(1);
};

// Thread safe. What it is given outlives it; `committed` is a store of its own, for questions.
class Reverification {
 public:
  Reverification(Rebuilds& rebuilds, std::unique_ptr<storage::RecordStore> committed, Clock& clock)
      : rebuilds_(rebuilds),
        committed_(std::move(committed)),
        history_(committed_->connection()),
        clock_(clock) {}
  ~Reverification() { Stop(); }
  Reverification(const Reverification&) = delete;
  Reverification& operator=(const Reverification&) = delete;

  // The newest reproducible build of each recipe that the scope sees and whose last verification is older;
  // the longest ago first. Not those of which a rebuild was submitted within the last hour: it may still run,
  // or the farm could not build it. Each rebuild asks for as many hosts as the build did. One that cannot be
  // submitted keeps no other back. INVALID_ARGUMENT: `max` is below 1 or above 1000, or `older_than` is
  // negative.
  absl::StatusOr<v1::ReverifyBuildsResponse> Submit(absl::Duration older_than, int max, bool dry_run,
                                                    const core::Scope& scope = core::Scope::OfFarm());

  // A thread that submits what is due whenever `is_idle` says so.
  void Start(const ReverificationOptions& options, std::function<bool()> is_idle);
  void Stop();

 private:
  Rebuilds& rebuilds_;
  const std::unique_ptr<storage::RecordStore> committed_;
  storage::HistoryRecords history_;
  Clock& clock_;
  std::jthread thread_;
};

}  // namespace crossmill::coordinator
