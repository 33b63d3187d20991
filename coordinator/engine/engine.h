// The farm's heart: takes submissions, walks the step cache, leases what is left to workers, records
// what they report, and concludes cells and builds.
//
// Everything below happens on the transaction loop (transaction_loop.h), in memory and in one
// database transaction per batch; long work (planning, compressing, comparing) runs as jobs that post
// their results back. The pure rules are in coordinator/core.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/words/platform.h"
#include "coordinator/core/build_state.h"
#include "coordinator/core/scheduler.h"
#include "coordinator/engine/agent_relay.h"
#include "coordinator/engine/build_secrets.h"
#include "coordinator/engine/jobs.h"
#include "coordinator/engine/planning_progress.h"
#include "coordinator/engine/step_cache.h"
#include "coordinator/engine/transaction_loop.h"
#include "coordinator/engine/watchers.h"
#include "coordinator/images/image_assembler.h"
#include "coordinator/images/image_store.h"
#include "coordinator/sources/remote_sources.h"
#include "coordinator/storage/log_store.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::coordinator {

struct EngineOptions {
  core::SchedulerOptions scheduler;
  // How long a task that no connected worker can run waits for one before it fails.
  absl::Duration unplaceable_grace = absl::Seconds(20);
  // After so many infrastructure failures a stage fails, with the last reason.
  int max_infrastructure_failures = 3;
  // Idempotency keys are remembered for so long.
  absl::Duration idempotency_window = absl::Hours(24);
  int job_threads = 4;
  // $BUILDPLATFORM of every build.
  v1::Platform build_platform = ParsePlatform("linux/amd64").value();
  // Not owned; null: ADD of URLs and git repositories is refused.
  RemoteSources* remote_sources = nullptr;
  // How long a task waits for a client that has to give its secrets again, or to attach its ssh agents.
  absl::Duration client_grace = absl::Seconds(60);
};

// The way to one connected worker. Thread safe; Send never blocks.
class WorkerLink {
 public:
  virtual ~WorkerLink() = default;
  virtual void Send(const v1::SynchronizeResponse& message) = 0;
};

struct Submitted {
  int64_t build = 0;
  bool existing = false;
};

// A package in the place where it was seen.
struct LocatedPackage {
  v1::Platform platform;
  uint32_t stage = 0;
  std::string stage_name;
  uint32_t step_number = 0;
  int64_t execution = 0;
  v1::PackageOutcome outcome;
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
  // Ends the watches and attached clients there are, as if their builds had ended.
  void EndWatches();
  // Ends watchers and threads. Builds stay as they are and go on after the next Start.
  void Stop();

  // ---- for clients ----

  // INVALID_ARGUMENT with FILE:LINE:COLUMN for an error in the recipe that shows without its bases;
  // ALREADY_EXISTS for another submission under the same idempotency key. `secrets` are those that the
  // options name; they are kept in memory until the build ends.
  absl::StatusOr<Submitted> Submit(const v1::BuildSubmission& submission, const std::string& idempotency_key,
                                   const std::vector<v1::Secret>& secrets = {});
  // As it was submitted.
  absl::StatusOr<v1::BuildSubmission> Submission(int64_t build);
  // The client of a running build is there (again): gives secrets that were forgotten over a restart, and
  // offers ssh agents. FAILED_PRECONDITION for a build that has ended, INVALID_ARGUMENT for ids it does not
  // name.
  absl::StatusOr<std::shared_ptr<AttachedClient>> Attach(int64_t build,
                                                         const std::vector<v1::Secret>& secrets,
                                                         const std::set<std::string>& ssh_ids);
  void Detach(const std::shared_ptr<AttachedClient>& client) { relay_.Detach(client); }
  // 0: the latest.
  absl::StatusOr<v1::BuildView> Get(int64_t build);
  // Newest first, without stages.
  absl::StatusOr<std::vector<v1::BuildView>> List(int64_t before, int limit);
  absl::Status Cancel(int64_t build, bool timed_out);
  absl::StatusOr<std::vector<LocatedPackage>> Packages(int64_t build);
  // Events from number `from_event` on, and console output if wanted; closed after the last event.
  absl::StatusOr<std::shared_ptr<Watcher>> Watch(int64_t build, int64_t from_event, bool logs);
  void Unwatch(int64_t build, const std::shared_ptr<Watcher>& watcher);
  // The execution has not ended. NOT_FOUND: there is no such execution.
  absl::StatusOr<bool> IsRunning(int64_t execution);
  std::vector<core::WorkerStatus> Workers() const { return scheduler_.Workers(); }
  // What runs under the tasks of a worker, for display.
  absl::StatusOr<std::map<core::TaskId, std::string>> TaskNames();

  // ---- for workers ----

  void WorkerState(std::shared_ptr<WorkerLink> link, const v1::WorkerState& state);
  void WorkerReport(const std::string& worker, v1::LeaseReport report);
  void WorkerHeartbeat(const std::string& worker);
  void WorkerGone(const std::string& worker, const std::shared_ptr<WorkerLink>& link);
  // A connection from a step under the lease to an ssh agent of its build. NOT_FOUND: the lease is not
  // active, or its task does not mount the agent; UNAVAILABLE: the client is not there.
  absl::StatusOr<std::shared_ptr<AgentChannel>> OpenAgent(core::LeaseNumber lease, const std::string& ssh_id);

 private:
  // A place in a build that executes: replica 0 is the first execution.
  struct Place {
    int64_t build = 0;
    int stage = 0;
    int replica = 0;
    auto operator<=>(const Place&) const = default;
  };

  // A task on its way: queued, leased, or running.
  struct Attempt {
    core::TaskId id = 0;
    v1::Task task;
    // Whose task it is; unset when its build went away but others joined it.
    std::optional<Place> owner;
    // Who began it: what the records name.
    Place origin;
    // Per step of the task: index into StagePlan.steps.
    std::vector<int> indexes;
    // Steps finished so far.
    int position = 0;
    // Root file system before step `position`.
    std::vector<v1::Layer> chain;
    // Key of step `position`; empty after the last.
    std::string key;
    core::LeaseNumber lease = 0;
    std::string worker;
    bool emulated = false;
    // Record of the running step; 0 before it started.
    int64_t execution = 0;
    int64_t log_chunks = 0;
    int64_t begun_at = 0;
    // Of its owner, taken when it is leased, gone once sent.
    std::vector<v1::Secret> secrets;
  };

  // A task that waits for the client of its build.
  struct Held {
    core::Requirements requirements;
    int64_t since = 0;
    bool told = false;
  };

  // Who waits for a key that is being executed.
  struct Inflight {
    core::TaskId task = 0;
    std::vector<Place> waiters;
  };

  struct Build {
    explicit Build(v1::BuildView view) : state(std::move(view)) {}
    core::BuildState state;
    v1::BuildSubmission submission;
    int64_t submitted_at = 0;
    // Only executions begun then or later count (--no-cache).
    int64_t since = 0;
    // The same for one stage (--no-cache-filter).
    int64_t SinceOf(int stage) const { return state.plan().stages(stage).no_cache() ? submitted_at : since; }
    // Jobs on the way; the build does not end before they do.
    int jobs = 0;
    bool concluding = false;
    // Task groups per stage, for spreading.
    std::map<int, uint64_t> groups;
    std::set<core::TaskId> noticed;
  };

  // engine.cc
  Build* Find(int64_t build);
  void RestoreBuild(storage::UnfinishedBuild row);
  void StartPlanning(Build& build);
  // On any thread.
  void TellProgress(int64_t build, const PlanningStep& step);
  void Planned(int64_t build, absl::StatusOr<v1::BuildPlan> plan, const std::vector<v1::PinnedImage>& pinned,
               const std::vector<v1::RemoteSource>& fetched);
  void CancelBuild(Build& build, v1::BuildStatus status, const std::string& message);
  absl::StatusOr<v1::BuildView> LoadView(int64_t build);

  // engine_stages.cc
  void AdvanceReady(Build& build);
  void AdvanceStage(Build& build, int stage);
  // True when the stage's steps are all done; else it was queued or joined.
  bool WalkSteps(Build& build, int stage);
  bool WalkExports(Build& build, int stage);
  void AdvanceReplicas(Build& build, int stage);
  // True when the replica is over.
  bool AdvanceReplica(Build& build, int stage, int replica);
  // Queues the place's task from step index `first` on (its steps until `last`).
  void Enqueue(Build& build, Place place, int first);
  core::Requirements RequirementsOf(Build& build, const Place& place, const v1::Task& task);
  void SetKey(Attempt& attempt);
  // The place no longer wants its task; others may.
  void Detach(const Place& place);
  void DetachUnwanted(Build& build);
  void EndAttempt(core::TaskId task, const std::string& outcome);
  void Fail(Build& build, int stage, v1::BuildStatus status, const std::string& message);

  // engine_reports.cc
  void OnReport(const std::string& worker, const v1::LeaseReport& report);
  void OnStepStarted(Attempt& attempt, const v1::StepStarted& started);
  void OnLog(Attempt& attempt, const v1::LogChunk& chunk);
  // False when the attempt is over (its result was refused, or nobody wants the rest).
  bool OnStepFinished(Attempt& attempt, const v1::StepResult& result);
  void OnTaskFinished(core::TaskId task, const v1::TaskResult& result);
  void OnLost(core::TaskId task, const std::string& reason);
  void Woken(std::vector<Place> waiters, const core::StepFact& fact);
  void FailStep(Build& build, const Place& place, int index, const core::StepFact& fact);
  void RecordPackages(const Attempt& attempt, const v1::StepResult& result);
  std::string ExportFailure(const Build& build, int stage, const v1::ExportResult& failed) const;

  // engine_secrets.cc
  // What the place's build lacks for the task, in words; empty: nothing.
  std::string MissingFromClient(const Place& place, const v1::Task& task);
  // Steps that see other secrets are not one execution, whatever their key.
  bool MayJoin(const Attempt& attempt, int64_t build);
  std::vector<v1::Secret> SecretsFor(const Attempt& attempt) const;
  void ReleaseHeld(int64_t build);
  void GiveUpHeld();
  // Ends an attempt that can go on only for its owner; those who joined it go on by themselves.
  void EndOrphan(core::TaskId task);

  // engine_tick.cc
  void Tick();
  void DispatchLeases();
  void HandleUnplaceable();
  void GiveUp(const Place& place, const std::string& reason);
  void SendDesiredStates();
  void ConcludeCells(Build& build);
  void CellConcluded(int64_t build, v1::CellView cell);
  void ConcludeBuild(Build& build);
  void Flush(Build& build);
  void RunJob(int64_t build, std::function<std::function<void()>()> job);

  int64_t Now() const { return UnixNanos(clock_.Now()); }

  storage::RecordStore& records_;
  storage::LogStore& logs_;
  BlobStore& blobs_;
  ImageStore& images_;
  ImageAssembler& assembler_;
  Clock& clock_;
  const EngineOptions options_;
  StepCache cache_;
  core::LeaseNumber next_lease_ = 1;
  core::Scheduler scheduler_;
  Watchers watchers_;
  AgentRelay relay_;
  PlanningProgressLog planning_progress_;

  // Only used in the loop.
  std::map<int64_t, std::unique_ptr<Build>> builds_;
  std::map<core::TaskId, Attempt> attempts_;
  std::map<core::LeaseNumber, core::TaskId> leases_;
  std::map<std::string, Inflight> inflight_;
  std::map<Place, core::TaskId> tasks_of_places_;
  std::map<core::TaskId, Held> held_;
  BuildSecrets secrets_;
  // Leases that were active before a restart and were not taken up again yet.
  std::map<Place, storage::LeaseRow> restored_;
  std::map<uint64_t, int64_t> restored_executions_;
  core::TaskId next_task_ = 1;
  uint64_t next_group_ = 1;
  std::map<std::string, std::shared_ptr<WorkerLink>> links_;
  // Leases whose task the worker knows on its present stream.
  std::map<std::string, std::set<core::LeaseNumber>> known_leases_;
  std::set<std::string> dirty_workers_;
  std::map<std::string, std::vector<core::LeaseNumber>> acknowledged_;

  // Last, so that they stop first.
  Jobs jobs_;
  std::unique_ptr<TransactionLoop> loop_;
};

}  // namespace crossmill::coordinator
