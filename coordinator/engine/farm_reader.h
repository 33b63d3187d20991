// What clients ask about builds and workers: answered from memory for what is under way, else from the
// record, on a connection of its own, so that questions neither wait for the farm's transactions nor hold
// them up.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "coordinator/core/attempt_board.h"
#include "coordinator/core/scheduler.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/engine/running_build.h"
#include "coordinator/engine/transaction_loop.h"
#include "coordinator/overview/news_board.h"
#include "coordinator/storage/overview/build_list.h"
#include "coordinator/storage/overview/overview_records.h"
#include "coordinator/storage/package_queries.h"
#include "coordinator/storage/people/build_walls.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/package_history.pb.h"

namespace crossmill::coordinator {

// A package with the step that brought it.
struct LocatedPackage {
  v1::Platform platform;
  uint32_t stage = 0;
  std::string stage_name;
  uint32_t step_number = 0;
  int64_t execution = 0;
  v1::PackageOutcome outcome;
  // Of one with remedy_lines.
  v1::RemedyPlace remedy_place;
};

// A step of a build and the execution that counts for it.
struct LocatedStep {
  v1::Platform platform;
  uint32_t stage = 0;
  std::string stage_name;
  uint32_t step_number = 0;
  int64_t execution = 0;
  // Where its instruction is. Without a range for a trigger of the base image.
  v1::RemedyPlace place;
};

// How the packages of a build differ from those of the last build of the same recipe.
struct PackageComparison {
  // By platform; none where there is no earlier build.
  std::vector<v1::EarlierBuild> earlier;
  // As core::ComparePackages sorts them, by platform.
  std::vector<v1::PackageChange> changes;
};

// Where a console of a running build comes from.
struct RunningConsole {
  int64_t execution = 0;
  uint32_t stage = 0;
  uint32_t replica = 0;
};

// How many there are, by kind.
struct FarmCounts {
  // Builds that have not ended.
  std::map<v1::BuildStatus, int64_t> running;
  // Since the coordinator started.
  std::map<v1::BuildStatus, int64_t> ended;
  std::map<v1::Verdict, int64_t> verdicts;
  int64_t tasks_queued = 0;
};

// Thread safe. Nothing that is not committed is seen; only what is asked of one running build goes through
// the transaction loop.
class FarmReader {
 public:
  // `records` is the loop's store, `committed` another on the same file.
  FarmReader(TransactionLoop& loop, storage::RecordStore& records,
             std::unique_ptr<storage::RecordStore> committed, const RunningBuilds& builds,
             const core::AttemptBoard& board, const core::Scheduler& scheduler, int64_t now_ns)
      : loop_(loop),
        records_(records),
        committed_(std::move(committed)),
        package_queries_(committed_->connection()),
        walls_(committed_->connection()),
        list_(committed_->connection()),
        overview_(committed_->connection()),
        builds_(builds),
        board_(board),
        scheduler_(scheduler),
        news_(now_ns) {}

  // 0: the latest build, here and below. NOT_FOUND: there is no such build.
  absl::StatusOr<v1::BuildView> Get(int64_t build);
  // Why tasks of a build that runs have no worker yet, a sentence each and each once; none for another. The
  // first of them, if they are many.
  absl::StatusOr<std::vector<std::string>> Waits(int64_t build);
  // As it was submitted.
  absl::StatusOr<v1::BuildSubmission> Submission(int64_t build);
  // Builds that scope and filter find, newest first, as overview::KeepHeadline leaves them; ids below
  // `before` (0: from the newest). A build that runs has lasted until `now_ns`.
  absl::StatusOr<storage::BuildList::Page> List(const core::Scope& scope, const filter::Filter& filter,
                                                int64_t before, int limit, int64_t now_ns);
  absl::StatusOr<std::vector<LocatedPackage>> Packages(int64_t build);
  // Against the last build of its recipe that had succeeded, per platform, when it was submitted.
  absl::StatusOr<PackageComparison> ComparePackages(int64_t build);
  // Who may know of which builds and executions. Everything else here tells all.
  storage::BuildWalls& walls() { return walls_; }
  // NOT_FOUND unless the caller reads a build that executed it, or reused it. Reads the views of shared
  // builds where it is of another project.
  absl::Status CheckExecution(const core::Scope& scope, int64_t execution);
  // Over all builds.
  storage::PackageQueries& package_queries() { return package_queries_; }
  // The wall and trends.
  storage::OverviewRecords& overview() { return overview_; }
  // What changes in builds that lists have, and in workers.
  overview::NewsBoard& news() { return news_; }
  // Its steps that have an execution, of this build or an earlier one, in the order of the view.
  absl::StatusOr<std::vector<LocatedStep>> Steps(int64_t build);
  absl::StatusOr<v1::StepFetches> Fetches(int64_t execution) { return committed_->Fetches(execution); }
  absl::StatusOr<std::vector<v1::HostFetches>> FetchHosts(int64_t execution) {
    return committed_->FetchHosts(execution);
  }
  // The execution has not ended. NOT_FOUND: there is no such execution.
  absl::StatusOr<bool> IsRunning(int64_t execution);
  // NOT_FOUND: there is none yet.
  absl::StatusOr<int64_t> LatestBuild() { return committed_->LatestBuild(); }
  // No build is under way.
  bool IsIdle();
  std::vector<core::WorkerStatus> Workers() const { return scheduler_.Status().workers; }
  // Workers, and tasks by platform.
  core::SchedulerStatus Scheduling() const { return scheduler_.Status(); }
  FarmCounts Counts();
  // How long events held the transaction loop.
  std::vector<LoopTimes> LoopEvents() const { return loop_.watch().Read(); }
  // How many executions of each worker were outvoted (v1.Witness.outvoted).
  absl::StatusOr<std::map<std::string, int64_t>> Outvoted() { return committed_->Outvoted(); }
  // The names of those of the tasks that there are, for display. Of one for builds that the scope does not
  // see it says that alone.
  absl::StatusOr<std::map<core::TaskId, std::string>> TaskNames(const core::Scope& scope,
                                                                std::vector<core::TaskId> tasks);
  // Events of a build from number `from` on.
  absl::StatusOr<std::vector<v1::BuildEvent>> Events(int64_t build, int64_t from, int limit) {
    return committed_->Events(build, from, limit);
  }
  absl::StatusOr<std::vector<RunningConsole>> Consoles(int64_t build);

  // ---- for the engine ----

  // A running build as it is listed, after each commit that changed it.
  void Publish(v1::BuildView headline);
  // The build has ended, which is committed.
  void Forget(int64_t build);

  // Only in the loop.
  absl::StatusOr<v1::BuildView> Load(int64_t build);
  std::vector<RunningConsole> ConsolesNow(int64_t build) const;

 private:
  // Marks the steps whose results were taken back.
  absl::Status MarkDistrusted(v1::BuildView* view);
  using Headlines = std::map<int64_t, std::shared_ptr<const v1::BuildView>>;

  TransactionLoop& loop_;
  storage::RecordStore& records_;
  const std::unique_ptr<storage::RecordStore> committed_;
  storage::PackageQueries package_queries_;
  storage::BuildWalls walls_;
  storage::BuildList list_;
  storage::OverviewRecords overview_;
  const RunningBuilds& builds_;
  const core::AttemptBoard& board_;
  const core::Scheduler& scheduler_;
  overview::NewsBoard news_;
  Mutex mutex_;
  Headlines headlines_ ABSL_GUARDED_BY(mutex_);
  // Only what has ended.
  FarmCounts counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
