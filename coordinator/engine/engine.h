// The farm's heart: takes submissions, walks the step cache, leases what is left to workers, records
// what they report, and concludes cells and builds.
//
// Everything below happens on the transaction loop (transaction_loop.h), in memory and in one
// database transaction per batch; long work (planning, compressing, comparing) runs as jobs that post
// their results back (build_jobs.h). Who runs, owns and waits for what is on the board
// (core/attempt_board.h); the pure rules are in coordinator/core.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/compare/known_files.h"
#include "common/failures/failure_rules.h"
#include "common/words/platform.h"
#include "common/words/priority.h"
#include "coordinator/core/attempt_board.h"
#include "coordinator/core/scheduler.h"
#include "coordinator/engine/bounds/admitted_builds.h"
#include "coordinator/engine/bounds/outage_wait.h"
#include "coordinator/engine/bounds/room_news.h"
#include "coordinator/engine/bounds/submission_gate.h"
#include "coordinator/engine/build_jobs.h"
#include "coordinator/engine/client_supplies.h"
#include "coordinator/engine/farm_reader.h"
#include "coordinator/engine/placing.h"
#include "coordinator/engine/running_build.h"
#include "coordinator/engine/stage_walk.h"
#include "coordinator/engine/step_cache.h"
#include "coordinator/engine/step_packages.h"
#include "coordinator/engine/transaction_loop.h"
#include "coordinator/engine/trust/report_gate.h"
#include "coordinator/engine/trust/switched_off_accelerators.h"
#include "coordinator/engine/watchers.h"
#include "coordinator/engine/worker_links.h"
#include "coordinator/images/image_assembler.h"
#include "coordinator/images/image_store.h"
#include "coordinator/metrics/farm_counters.h"
#include "coordinator/sources/remote_sources.h"
#include "coordinator/statements/step_statements.h"
#include "coordinator/storage/farm_wheel_records.h"
#include "coordinator/storage/log_store.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/storage/trust/trust_records.h"
#include "coordinator/wheels/compile_ahead.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator {

struct EngineOptions {
  // Not owned; what time-outs run by. Null: the engine's own clock.
  Clock* passing = nullptr;
  core::SchedulerOptions scheduler;
  // How long a task waits when no present worker can run it, from then on, before it fails.
  absl::Duration unplaceable_grace = absl::Seconds(20);
  // After so many infrastructure failures a stage fails, with the last reason.
  int max_infrastructure_failures = 3;
  // Idempotency keys are remembered for so long.
  absl::Duration idempotency_window = absl::Hours(24);
  JobThreads job_threads;
  PlanningLimits planning_limits;
  // Limits of steps where a build says nothing.
  v1::StepBounds usual_bounds = {};
  // By platform ("linux/arm64"): the pool of builds that name none.
  std::map<std::string, std::string> usual_pools = {};
  // The highest priority that a client may ask for without the role operate.
  int32_t most_priority = kHighPriority;
  // $BUILDPLATFORM of every build.
  v1::Platform build_platform = ParsePlatform("linux/amd64").value();
  // Not owned; null: ADD of URLs and git repositories is refused.
  RemoteSources* remote_sources = nullptr;
  // Not owned; null: there always is room on the disk. RESOURCE_EXHAUSTED is what a submission gets else.
  DiskRoom* room = nullptr;
  // Whether a bucket that has blobs alone does not answer; asked in the loop. Empty: there is none.
  std::function<bool()> bucket_away;
  // Not owned; null: no blob is ever removed. What running builds need is told there.
  HeldBlobs* held_blobs = nullptr;
  // Not owned; null: nothing is compiled ahead, and no wheel of the farm is offered.
  AheadPlanner* ahead_planner = nullptr;
  // How long a task waits for a client that has to give its secrets again, or to attach its ssh agents.
  absl::Duration client_grace = absl::Seconds(60);
  // Of the stages of a build that are ready at once so many are advanced in one event as take so long.
  std::chrono::milliseconds advance_slice{20};
  // What failures of packages are read by.
  std::shared_ptr<const failures::FailureRules> failure_rules = failures::FailureRules::BuiltIn();
  // By which files are known that differ between executions for a reason.
  std::shared_ptr<const compare::KnownFiles> known_files = compare::KnownFiles::Shared();
  // Told in the loop, inside its transaction, that a worker reported what it made up: where it may be kept
  // from further tasks. May be empty.
  std::function<void(const std::string& worker, const std::string& what)> on_untrue_report;
  // Not owned; null: no accelerator set is ever switched off.
  SwitchedOffAccelerators* accelerators = nullptr;
  // Told in the loop, inside its transaction, that one was. May be empty.
  std::function<void(const v1::SwitchedOffAccelerator& accelerator)> on_accelerator_off;
  // The coordinator before this one ended by no fault of what it planned (planning/known_end.h).
  bool known_end = false;
  // Not owned; null: nobody counts. Told of what is committed.
  FarmCounters* counters = nullptr;
  // Called when a build has ended and that is committed, from the loop: it must return at once. May be empty.
  std::function<void(int64_t build, const std::optional<BuildTimes>& times)> on_build_ended;
  // Called in the loop, at least every twentieth of a second, unless an event holds it. May be empty.
  std::function<void()> on_alive;
  // Told once when a batch could not be recorded (transaction_loop.h): the program has to start again. May be
  // empty.
  std::function<void(const absl::Status&)> on_failure;
};

enum class Submitter { kClient, kFarm };

struct Submitted {
  int64_t build = 0;
  bool existing = false;
};

// Thread safe. Owns its threads; the references must outlive it.
class Engine {
 public:
  Engine(storage::RecordStore& records, storage::LogStore& logs, BlobStore& blobs, ImageStore& images,
         ImageAssembler& assembler, Clock& clock, EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes up the builds that were not finished when the coordinator last stopped.
  absl::Status Start();
  // Ends the watches and attached clients there are; they are told why (`reason` is not OK).
  void EndWatches(const absl::Status& reason = absl::UnavailableError(
                      "the coordinator is stopping; builds go on when it is started again"));
  // Ends watchers and threads. Builds stay as they are and go on after the next Start.
  void Stop();

  // ---- for clients ----

  // INVALID_ARGUMENT with FILE:LINE:COLUMN for an error in the recipe that shows without its bases;
  // ALREADY_EXISTS for another submission under the same idempotency key. `secrets` are those that the
  // options name; they are kept in memory until the build ends. Only the farm itself makes rebuilds.
  // RESOURCE_EXHAUSTED: too many are being read, or the disk is full; CANCELLED: `stop` came while it was
  // read.
  absl::StatusOr<Submitted> Submit(const v1::BuildSubmission& submission, const std::string& idempotency_key,
                                   const std::vector<v1::Secret>& secrets = {},
                                   Submitter submitter = Submitter::kClient,
                                   const std::stop_token& stop = {});
  // The builds of a matrix (v1.MatrixPlace), by their places: all of them or none, under numbers that follow
  // one another. Errors as of Submit. Returns the first.
  absl::StatusOr<Submitted> SubmitAll(const std::vector<v1::BuildSubmission>& builds,
                                      const std::string& idempotency_key,
                                      const std::vector<v1::Secret>& secrets,
                                      Submitter submitter = Submitter::kClient,
                                      const std::stop_token& stop = {});
  // The client of a running build is there (again): gives secrets that were forgotten over a restart, and
  // offers ssh agents. FAILED_PRECONDITION for a build that has ended, INVALID_ARGUMENT for ids it does not
  // name.
  absl::StatusOr<std::shared_ptr<AttachedClient>> Attach(int64_t build,
                                                         const std::vector<v1::Secret>& secrets,
                                                         const std::set<std::string>& ssh_ids);
  void Detach(const std::shared_ptr<AttachedClient>& client) { supplies_.Detach(client); }
  // With `count` this build and the following: all at once.
  absl::Status Cancel(int64_t build, bool timed_out, int64_t count = 1);
  // Events from number `from_event` on, and console output if wanted; closed after the last event.
  absl::StatusOr<std::shared_ptr<Watcher>> Watch(int64_t build, int64_t from_event, bool logs);
  void Unwatch(int64_t build, const std::shared_ptr<Watcher>& watcher);
  // After Start.
  FarmReader& reader() { return *reader_; }

  // ---- for workers ----

  void WorkerState(std::shared_ptr<WorkerLink> link, const v1::WorkerState& state);
  // False: nothing more should be read from the worker until `later` is called, once (trust/report_room.h).
  bool WorkerReport(const std::string& worker, v1::LeaseReport report, std::function<void()> later = nullptr);
  // `load`: what its machine does, if it said.
  void WorkerHeartbeat(const std::string& worker, const v1::HostLoad* load = nullptr);
  void WorkerGone(const std::string& worker, const std::shared_ptr<WorkerLink>& link);
  // Scheduler::RemoveWorker. In the loop, so that it comes after what the worker said before.
  absl::Status RemoveWorker(const std::string& worker);
  // A connection from a step under the lease to an ssh agent of its build. NOT_FOUND: the lease is not
  // active, or its task does not mount the agent; UNAVAILABLE: the client is not there. `may_be` says whether
  // the caller is the worker that has the lease.
  absl::StatusOr<std::shared_ptr<AgentChannel>> OpenAgent(
      core::LeaseNumber lease, const std::string& ssh_id,
      const std::function<absl::Status(std::string_view worker)>& may_be);

 private:
  // engine.cc
  // Whoever gets it may change it: the next tick looks at it.
  RunningBuild* Find(int64_t build);
  // A submission that is new: recorded, and being planned.
  absl::StatusOr<int64_t> Admit(const v1::BuildSubmission& submission, const std::string& idempotency_key,
                                const std::string& digest);
  void RestoreBuild(storage::UnfinishedBuild row);
  AheadCalls CallsForAhead();
  void OnPlanned(int64_t build, Planned planned);
  void CancelBuild(RunningBuild& build, v1::BuildStatus status, const std::string& message);

  // engine_stages.cc
  // What is ready; all of it at once, or as much as one event may take and the rest in further ones.
  void AdvanceReady(RunningBuild& build, bool whole = false);
  void AdvanceStage(RunningBuild& build, int stage);
  // The replicas of the stage that the run is of, whichever it is (core/replica_release.h).
  void AdvanceReplicas(const core::StageRunId& of);
  // The run goes on from where it is, if its build still wants it.
  void Advance(const core::StageRunId& run);
  // The run, which must be absent from the board, gets a task of its own from step index `first` on.
  void Begin(RunningBuild& build, const core::StageRunId& run, int first);
  // Records and tells that an attempt which left the board is over. Its runs are the caller's.
  void Close(core::Attempt& ended, const std::string& outcome);
  // Of a command that failed: with --verify its first execution is tried on another host instead, so that a
  // failure of one is told from one of all, while somebody is left who could and not enough have tried.
  struct FailedStep {
    int index;
    const core::StepFact& fact;
  };
  void FailRun(const core::StageRunId& run, v1::BuildStatus status, const std::string& message,
               const FailedStep* step = nullptr);

  // engine_reports.cc
  // `truth`: whether what it says was found to be so (trust/report_gate.h).
  void OnReport(const std::string& worker, const v1::LeaseReport& report, const absl::Status& truth);
  void OnStepStarted(core::TaskId task, const v1::StepStarted& started);
  void OnLog(const core::Attempt& attempt, const v1::LogChunk& chunk);
  void OnStepFinished(core::TaskId task, const v1::StepResult& result);
  void OnStepFailed(core::TaskId task, const core::StepFact& fact);
  void OnTaskFinished(core::TaskId task, const v1::TaskResult& result);
  // kFarm: it says nothing about the worker.
  enum class Fault { kWorker, kFarm };
  void OnLost(core::TaskId task, const std::string& reason, Fault fault = Fault::kWorker);
  void RecordPackages(const core::Attempt& attempt, const v1::StepResult& result);

  // engine_tick.cc
  void Tick();
  void EndUnwanted();
  void ReviewHeld();
  void DispatchLeases();
  void GiveUpUnplaceable();
  void SendDesiredStates();
  // Cells whose steps are over, and the build when its cells are.
  void Conclude(RunningBuild& build);
  void Flush(RunningBuild& build);
  void Forget(RunningBuild& build);

  int64_t Now() const { return UnixNanos(clock_.Now()); }

  storage::RecordStore& records_;
  storage::LogStore& logs_;
  BlobStore& blobs_;
  ImageStore& images_;
  // For the record and for people.
  Clock& clock_;
  // For time-outs and waits (SteadyClock).
  Clock& passing_;
  const EngineOptions options_;
  StepCache cache_;
  StageWalk walk_;
  Placing placing_;
  core::LeaseNumber next_lease_ = 1;
  core::WorkerHealth health_;
  core::WorkerChanges worker_changes_;
  core::Scheduler scheduler_;
  Watchers watchers_;
  ClientSupplies supplies_;
  StepPackages packages_;
  StepStatements statements_;
  storage::TrustRecords trust_;
  storage::FarmWheelRecords wheel_records_;
  CompileAhead ahead_;

  // Only used in the loop.
  RunningBuilds builds_;
  // Builds that may have changed since they were last looked at.
  std::set<int64_t> touched_;
  // Of worker_changes_, those that the reader was told of.
  uint64_t worker_changes_told_ = 0;
  absl::Time all_reviewed_ = absl::InfinitePast();
  core::AttemptBoard board_;
  AdmittedBuilds admitted_;
  WorkerLinks links_;
  ReportRoom room_;
  RoomNews room_news_;
  OutageWait outage_wait_;
  SubmissionGate submission_gate_;
  ReportGate gate_;

  // Last, so that they stop first.
  BuildJobs jobs_;
  std::unique_ptr<TransactionLoop> loop_;
  std::unique_ptr<FarmReader> reader_;
};

}  // namespace crossmill::coordinator
