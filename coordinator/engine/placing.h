// What the scheduler is told of a task: what it needs, how long it will take and what hangs on it, and where
// it must not run. From the build, its plan and the record.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "coordinator/core/attempt_board.h"
#include "coordinator/core/scheduler.h"
#include "coordinator/core/step_history.h"
#include "coordinator/engine/running_build.h"
#include "coordinator/engine/step_cache.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Not thread safe: only used in the transaction loop.
class Placing {
 public:
  // `usual_pools`: by platform, where a build names none.
  Placing(storage::RecordStore& records, StepCache& cache, std::map<std::string, std::string> usual_pools)
      : records_(records), cache_(cache), usual_pools_(std::move(usual_pools)) {}

  // `now`: Unix time in nanoseconds.
  core::Requirements RequirementsOf(RunningBuild& build, const core::StageRunId& run, const v1::Task& task,
                                    int64_t now);
  // A run keeps away from workers on which it failed for no fault of its recipe, while another can run it.
  void KeepAway(RunningBuild& build, const core::StageRunId& run, const core::Scheduler& scheduler,
                core::Requirements* requirements) const;
  // Where a first execution must not run the step with this key: where it has failed since the build was
  // submitted. Only builds with --verify try again, so others avoid nothing.
  core::Places FailuresOf(const RunningBuild& build, int stage, const std::string& key);
  // Where a replica must not run: where its steps have witnesses by now, and where the first execution is.
  core::Places WitnessesOf(RunningBuild& build, const core::StageRunId& run);
  // As FailuresOf, as the scheduler and the board want it.
  core::Spread SpreadOf(const RunningBuild& build, const core::Places& avoid) const;
  // Of a command of a first execution that failed just now, under this key: fewer hosts have tried than the
  // build wants, and somebody is present who has not.
  bool CanTryElsewhere(const RunningBuild& build, const core::StageRunId& run, int index,
                       const std::string& key, const core::Scheduler& scheduler);

 private:
  // What the task needs of a worker, whatever is known of it.
  core::Requirements NeedsOf(const RunningBuild& build, int stage, bool neutral) const;
  core::Forecast ForecastOf(const v1::Task& task);
  // How long the longest chain of stages behind this one takes; the record is asked once per build.
  absl::Duration Behind(RunningBuild& build, int stage);

  storage::RecordStore& records_;
  StepCache& cache_;
  const std::map<std::string, std::string> usual_pools_;
  uint64_t next_group_ = 1;
};

}  // namespace crossmill::coordinator
