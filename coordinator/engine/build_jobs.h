// The long work of builds (planning, pulling, compressing, comparing): it runs on threads of its own, and its
// result comes back into the transaction loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/compare/known_files.h"
#include "coordinator/conclusion/conclusion.h"
#include "coordinator/engine/jobs.h"
#include "coordinator/engine/planning.h"
#include "coordinator/engine/planning/planning_turns.h"
#include "coordinator/engine/planning_progress.h"
#include "coordinator/engine/running_build.h"
#include "coordinator/engine/transaction_loop.h"
#include "coordinator/engine/watchers.h"
#include "coordinator/images/image_assembler.h"
#include "coordinator/images/image_store.h"
#include "coordinator/room/disk_room.h"
#include "coordinator/sources/remote_sources.h"
#include "coordinator/storage/planning_records.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/wheels/ahead_planner.h"
#include "coordinator/wheels/wheel_harvest.h"

namespace crossmill::coordinator {

// What planning a build gave.
struct Planned {
  absl::StatusOr<core::PreparedPlan> plan;
  // The same as the record keeps it; empty: there is none.
  std::string recorded{};
  std::vector<v1::PinnedImage> pinned{};
  std::vector<v1::RemoteSource> fetched{};
};

// What the jobs work with; all of it outlives them.
struct JobParts {
  ImageStore& images;
  BlobStore& blobs;
  ImageAssembler& assembler;
  storage::RecordStore& records;
  // Null: ADD of URLs and git repositories is refused.
  RemoteSources* remote_sources = nullptr;
  // Null: nothing is compiled ahead.
  AheadPlanner* ahead_planner = nullptr;
  // $BUILDPLATFORM.
  v1::Platform build_platform;
  PlanningLimits planning_limits;
  // By which files are known that differ for a reason; not null.
  std::shared_ptr<const compare::KnownFiles> known_files;
  // Null: there always is room on the disk.
  DiskRoom* room = nullptr;
};

// Only used in the transaction loop, but for Stop and LatestProgress. While a job is on its way
// RunningBuild.jobs counts it; `done` runs in the loop and finds the build by its id, for it may be gone.
class BuildJobs {
 public:
  BuildJobs(JobParts parts, RunningBuilds& builds, Watchers& watchers, JobThreads threads)
      : parts_(std::move(parts)),
        builds_(builds),
        watchers_(watchers),
        planning_{parts_.images, parts_.blobs, parts_.remote_sources, parts_.planning_limits},
        plannings_(parts_.records.connection()),
        jobs_(threads) {}

  // Before anything else. `on_planned` gets what Plan gave. `known_end`: the coordinator before this one
  // ended knowingly, by no fault of what it planned (planning/known_end.h).
  absl::Status Start(TransactionLoop& loop, bool known_end,
                     std::function<void(int64_t build, Planned)> on_planned);
  // Tells what runs to stop, and waits for it. What waited for a thread to be planned by was not begun.
  void Stop();

  // Not a third time when two coordinators have ended while they planned the build: it would bring down each
  // that starts. Then on_planned gets INTERNAL.
  void Plan(RunningBuild& build);
  // Begins those whose turn it is: after every batch.
  void BeginPlannings(absl::Time now);
  // Returns the cell as it is before its image is packed.
  v1::CellView ConcludeCell(RunningBuild& build, int cell, std::function<void(v1::CellView)> done);
  // The index of a build whose cells all succeeded, and what of it should not depend on the platform.
  void Assemble(RunningBuild& build,
                std::function<void(absl::StatusOr<std::string>, v1::NeutralComparison)> done);
  // Questions of compiling ahead, for the build that waits.
  void AskAhead(RunningBuild& build, AheadQuestion question,
                std::function<void(absl::StatusOr<AheadAnswer>)> done);
  void Harvest(RunningBuild& build, HarvestQuestion question, int64_t now_ns,
               std::function<void(std::vector<storage::FarmWheelRow>)> done);
  // Frees a build that nobody uses any more, which takes long for a large one.
  void Dispose(std::unique_ptr<RunningBuild> build);
  // How far the things are that the build's planning waits for.
  std::vector<PlanningStep> LatestProgress(int64_t build) { return progress_.Latest(build); }

 private:
  // `job` runs off the loop and returns what is to be done in it. Its token stops when the build has ended.
  void Run(RunningBuild& build, JobKind kind,
           std::function<std::function<void()>(const std::stop_token&)> job);
  void BeginPlanning(RunningBuild& build);
  void EndPlanning(int64_t build, Planned planned);
  // With `planned` told what is pinned and fetched on the way.
  absl::StatusOr<v1::BuildPlan> PlanWhole(int64_t build, const v1::BuildSubmission& submission,
                                          const std::stop_token& stop, Planned* planned);
  absl::StatusOr<v1::BuildPlan> MakePlan(const v1::BuildSubmission& submission, const PlanningCalls& calls);
  // A comparison that cannot be made is said, and takes nothing from the rebuild itself.
  void AddRebuildComparison(int64_t recorded, const CellInput& input, const std::stop_token& stop,
                            v1::CellView* view);

  const JobParts parts_;
  RunningBuilds& builds_;
  Watchers& watchers_;
  const PlanningParts planning_;
  PlanningProgressLog progress_;
  storage::PlanningRecords plannings_;
  PlanningTurns turns_;
  // Nothing begins any more: its job would be dropped.
  bool stopped_ = false;
  // Those that are on record as begun.
  std::set<int64_t> planning_now_;
  TransactionLoop* loop_ = nullptr;
  std::function<void(int64_t build, Planned)> on_planned_;
  // Last, so that it stops first.
  Jobs jobs_;
};

}  // namespace crossmill::coordinator
