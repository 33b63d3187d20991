// The long work of builds (planning, pulling, compressing, comparing): it runs on threads of its own, and its
// result comes back into the transaction loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/compare/known_files.h"
#include "coordinator/conclusion/conclusion.h"
#include "coordinator/engine/jobs.h"
#include "coordinator/engine/planning.h"
#include "coordinator/engine/planning_progress.h"
#include "coordinator/engine/running_build.h"
#include "coordinator/engine/transaction_loop.h"
#include "coordinator/engine/watchers.h"
#include "coordinator/images/image_assembler.h"
#include "coordinator/images/image_store.h"
#include "coordinator/sources/remote_sources.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/wheels/ahead_planner.h"
#include "coordinator/wheels/wheel_harvest.h"

namespace crossmill::coordinator {

// What planning a build gave.
struct Planned {
  absl::StatusOr<v1::BuildPlan> plan;
  std::vector<v1::PinnedImage> pinned;
  std::vector<v1::RemoteSource> fetched;
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
  // By which files are known that differ for a reason; not null.
  std::shared_ptr<const compare::KnownFiles> known_files;
};

// Only used in the transaction loop, but for Stop and LatestProgress. While a job is on its way
// RunningBuild.jobs counts it; `done` runs in the loop and finds the build by its id, for it may be gone.
class BuildJobs {
 public:
  BuildJobs(JobParts parts, RunningBuilds& builds, Watchers& watchers, JobThreads threads)
      : parts_(std::move(parts)), builds_(builds), watchers_(watchers), jobs_(threads) {}

  // Before anything else. `on_planned` gets what Plan gave.
  void Start(TransactionLoop& loop, std::function<void(int64_t build, Planned)> on_planned) {
    loop_ = &loop;
    on_planned_ = std::move(on_planned);
  }
  // Tells what runs to stop, and waits for it.
  void Stop() { jobs_.Stop(); }

  void Plan(RunningBuild& build);
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
  // How far the things are that the build's planning waits for.
  std::vector<PlanningStep> LatestProgress(int64_t build) { return progress_.Latest(build); }

 private:
  // `job` runs off the loop and returns what is to be done in it. Its token stops when the build has ended.
  void Run(RunningBuild& build, JobKind kind,
           std::function<std::function<void()>(const std::stop_token&)> job);
  absl::StatusOr<v1::BuildPlan> MakePlan(const v1::BuildSubmission& submission, const PlanningCalls& calls);
  // A comparison that cannot be made is said, and takes nothing from the rebuild itself.
  void AddRebuildComparison(int64_t recorded, const CellInput& input, const std::stop_token& stop,
                            v1::CellView* view);

  const JobParts parts_;
  RunningBuilds& builds_;
  Watchers& watchers_;
  PlanningProgressLog progress_;
  TransactionLoop* loop_ = nullptr;
  std::function<void(int64_t build, Planned)> on_planned_;
  // Last, so that it stops first.
  Jobs jobs_;
};

}  // namespace crossmill::coordinator
