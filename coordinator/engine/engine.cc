// Engine: construction, restart, and what clients ask for.
#include "coordinator/engine/engine.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/oci/reference.h"
#include "common/plan/planner.h"
#include "common/plan/submitted_options.h"
#include "common/words/client_keys.h"
#include "common/words/step_bounds.h"
#include "common/words/words.h"
#include "coordinator/core/build_view.h"
#include "coordinator/core/placement/realm.h"
#include "coordinator/core/standing/author.h"
#include "coordinator/engine/client_mounts.h"
#include "coordinator/engine/leases/restored_leases.h"
#include "coordinator/engine/leases/unwanted_runs.h"
#include "coordinator/engine/planning.h"
#include "coordinator/engine/planning/source_replacements.h"

namespace crossmill::coordinator {
namespace {

constexpr int kEventPage = 1 << 20;
// Of what planning may spend, so much is spent in the call that submits.
constexpr int64_t kCheckPart = 10;

absl::Status CheckTags(const v1::BuildOptions& options) {
  for (const std::string& tag : options.tags()) {
    const auto reference = oci::ParseReference(tag);
    if (!reference.ok()) return Annotate(reference.status(), fmt::format("-t {}", tag));
  }
  return absl::OkStatus();
}

// A rebuild leaves the names where they are.
bool GivesNames(const v1::BuildSubmission& build) {
  return !build.has_rebuild() && !build.options().tags().empty();
}

// A client's, by its author.
absl::Status CheckPriorityOf(const v1::BuildSubmission& submission, int32_t most) {
  const int32_t priority = submission.options().priority();
  if (priority <= most || core::AuthorOf(submission).operates) return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("priority {} is more than {}, the highest without the role operate", priority, most));
}

// Of builds that are confined to different workers by platform, one realm stands for all: the limit counts
// those that clients name.
core::Realm NamedRealm(const v1::BuildSubmission& submission) {
  return core::RealmOf(submission.options(), "");
}

// Later versions of it may be longer than that of today.
constexpr size_t kLongestTraceparent = 256;

// What shows without the bases is refused before there is a build.
absl::Status CheckRecipe(const v1::BuildSubmission& submission, const EngineOptions& engine, BlobStore& blobs,
                         const std::stop_token& stop) {
  if (submission.has_wheels()) {
    return absl::InvalidArgumentError("builds of wheels are the farm's own: submit a recipe");
  }
  if (submission.has_rebuild()) {
    return absl::InvalidArgumentError(
        fmt::format("build {0} is built again by `crossmill verify {0}`", submission.rebuild().build()));
  }
  if (submission.traceparent().size() > kLongestTraceparent)
    return absl::InvalidArgumentError(fmt::format("traceparent: longer than {} bytes", kLongestTraceparent));
  RETURN_IF_ERROR(plan::CheckOptions(submission.options()));
  RETURN_IF_ERROR(CheckPriorityOf(submission, engine.most_priority));
  RETURN_IF_ERROR(CheckTags(submission.options()));
  RETURN_IF_ERROR(plan::CheckRecipeFields(submission.recipe()));
  RETURN_IF_ERROR(CheckReplacements(submission));
  plan::PlanOptions options =
      PlanOptionsOf(submission.options(), engine.build_platform, engine.planning_limits);
  pattern::Effort effort(std::max<int64_t>(engine.planning_limits.effort / kCheckPart, 1), stop);
  options.effort = &effort;
  const absl::Status read = plan::FindBases(submission.recipe(), options).status();
  if (stop.stop_requested()) return absl::CancelledError("the client went away");
  // Who asks for more than is spent here is told by the build, whose planning has more.
  if (!read.ok() && !effort.exhausted()) return read;
  const Digest root = FromProto(submission.recipe().context_root());
  if (!blobs.Has(root)) {
    return absl::FailedPreconditionError(fmt::format(
        "the context's root {} is not in the blob store; upload the context first", ToString(root)));
  }
  for (const v1::NamedContext& context : submission.recipe().contexts()) {
    if (!context.has_tree() && !context.has_image_root()) continue;
    const Digest named = FromProto(context.has_tree() ? context.tree() : context.image_root());
    if (blobs.Has(named)) continue;
    return absl::FailedPreconditionError(
        fmt::format("build context '{}' ({}) is not in the blob store; upload it first", context.name(),
                    ToString(named)));
  }
  for (const v1::FetchedSource& source : submission.fetched_sources()) {
    if (blobs.Has(FromProto(source.has_tree() ? source.tree() : source.file()))) continue;
    return absl::FailedPreconditionError(
        fmt::format("ADD {}: what was fetched with the client's credentials is no longer in the blob store; "
                    "build it again with that client",
                    Printable(source.url())));
  }
  return absl::OkStatus();
}

// An error about a build of a matrix says which combination it is.
absl::Status InCombination(const absl::Status& status, const v1::BuildSubmission& build) {
  if (status.ok() || !build.has_matrix()) return status;
  return Annotate(status, Printable(FormatCombination(build.matrix())));
}

absl::Status CheckSubmissions(const std::vector<v1::BuildSubmission>& builds,
                              const std::vector<v1::Secret>& secrets) {
  if (builds.empty()) return absl::InvalidArgumentError("nothing is submitted");
  for (const v1::BuildSubmission& build : builds)
    RETURN_IF_ERROR(InCombination(CheckSecrets(build.options(), secrets), build));
  return absl::OkStatus();
}

std::string DigestOf(const std::vector<v1::BuildSubmission>& builds) {
  std::vector<std::string> each;
  for (const v1::BuildSubmission& build : builds) {
    if (build.traceparent().empty()) {
      each.push_back(Sha256Hex(build.SerializeAsString()));
      continue;
    }
    // Who tries again does so in a span of its own.
    v1::BuildSubmission untraced = build;
    untraced.clear_traceparent();
    each.push_back(Sha256Hex(untraced.SerializeAsString()));
  }
  return each.size() == 1 ? each.front() : Sha256Hex(absl::StrJoin(each, ""));
}

// Numbers of executions in a row that may have no console: most steps copy.
constexpr int64_t kMostWithoutLog = 1000;

// A record that lost its end, whatever the disk promised, must not give a number again under which somebody
// was told something else: a worker may still run under such a lease, and people have links to executions.
// Returns the lease to begin with.
absl::StatusOr<core::LeaseNumber> LeaveOutTold(storage::RecordStore& records, const storage::LogStore& logs,
                                               absl::Time now) {
  ASSIGN_OR_RETURN(const int64_t last, records.LastExecution());
  RETURN_IF_ERROR(records.SkipExecutions(logs.Highest(last + 1, kMostWithoutLog)));
  ASSIGN_OR_RETURN(const core::LeaseNumber recorded, records.NextLease());
  return std::max(recorded, static_cast<core::LeaseNumber>(absl::ToUnixMillis(now)));
}

core::SchedulerOptions WithStanding(core::SchedulerOptions options, const core::WorkerHealth& health,
                                    core::WorkerChanges& changes) {
  options.health = &health;
  options.changes = &changes;
  return options;
}

}  // namespace

Engine::Engine(storage::RecordStore& records, storage::LogStore& logs, BlobStore& blobs, ImageStore& images,
               ImageAssembler& assembler, Clock& clock, EngineOptions options)
    : records_(records),
      logs_(logs),
      blobs_(blobs),
      images_(images),
      clock_(clock),
      passing_(options.passing == nullptr ? clock : *options.passing),
      options_(options),
      cache_(records, blobs),
      walk_(cache_, records, options.held_blobs),
      placing_(records, cache_, options.usual_pools),
      scheduler_(WithStanding(options.scheduler, health_, worker_changes_),
                 [this](core::TaskId, const std::string&) { return next_lease_++; }),
      packages_(logs, options.failure_rules),
      statements_(records.connection()),
      trust_(records.connection()),
      wheel_records_(records.connection()),
      ahead_(
          CallsForAhead(), wheel_records_,
          options.ahead_planner == nullptr ? std::vector<std::string>() : options.ahead_planner->IndexUrls()),
      admitted_(options.scheduler.projects),
      room_news_(options.room),
      outage_wait_(options.bucket_away),
      gate_(blobs),
      jobs_({images, blobs, assembler, records, options.remote_sources, options.ahead_planner,
             options.build_platform, options.planning_limits, options.known_files, options.room},
            builds_, watchers_, options.job_threads) {}

Engine::~Engine() { Stop(); }

void Engine::EndWatches(const absl::Status& reason) {
  room_.Stop();
  watchers_.CloseAll(reason);
  supplies_.CloseAll();
}

void Engine::Stop() {
  EndWatches();
  jobs_.Stop();
  gate_.Stop();
  if (loop_) loop_->Stop();
}

absl::Status Engine::Start() {
  ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> committed, records_.OpenAnother());
  ASSIGN_OR_RETURN(next_lease_, LeaveOutTold(records_, logs_, clock_.Now()));
  ASSIGN_OR_RETURN(const std::vector<storage::WorkerRow> workers, records_.Workers());
  for (const storage::WorkerRow& row : workers) {
    scheduler_.Expect(row.info, passing_.Now());
    ahead_.Know(row.info);
  }

  ASSIGN_OR_RETURN(const std::vector<storage::LeaseRow> leases, records_.ActiveLeases());
  ASSIGN_OR_RETURN(const std::vector<storage::Execution> executions, records_.UnfinishedExecutions());
  std::map<uint64_t, storage::Execution> execution_of;
  for (const storage::Execution& execution : executions) execution_of[execution.lease] = execution;
  for (const storage::LeaseRow& row : leases) {
    core::RestoredLease lease{row.number, row.worker, row.task, row.granted_at};
    if (auto running = execution_of.extract(row.number)) {
      lease.execution = running.mapped().id;
      lease.execution_step = running.mapped().step_number;
      // Console offsets go on: clients deduplicate by them.
      lease.log_chunks = logs_.ChunkCount(lease.execution).value_or(0);
    }
    board_.Expect({row.build, static_cast<int>(row.stage), static_cast<int>(row.replica)}, std::move(lease));
  }
  ASSIGN_OR_RETURN(std::vector<storage::UnfinishedBuild> builds, records_.UnfinishedBuilds());

  // From here on only the loop looks at it; whoever asks later is told of all workers anyway.
  worker_changes_told_ = worker_changes_.count();
  loop_ = std::make_unique<TransactionLoop>(
      records_, [this] { Tick(); }, std::chrono::milliseconds(200),
      [this](const absl::Status& reason) {
        EndWatches(reason);
        if (options_.on_failure) options_.on_failure(reason);
      });
  reader_ = std::make_unique<FarmReader>(*loop_, records_, std::move(committed), builds_, board_, scheduler_,
                                         Now());
  gate_.Start([this](std::function<void()> work) { loop_->Post(std::move(work), "report"); },
              [this](core::LeaseNumber lease) { return board_.UnfinishedSteps(lease); },
              [this](const std::string& worker, const v1::LeaseReport& report, const absl::Status& truth) {
                OnReport(worker, report, truth);
              });
  RETURN_IF_ERROR(jobs_.Start(*loop_, options_.known_end, [this](int64_t build, Planned planned) {
    OnPlanned(build, std::move(planned));
  }));
  loop_->Post(
      [this, builds = std::move(builds), leases, orphans = std::move(execution_of)] {
        // Executions whose lease is no longer active: nobody will finish them.
        for (const auto& [lease, execution] : orphans) records_.AbandonExecution(execution.id).IgnoreError();
        for (const storage::UnfinishedBuild& row : builds) RestoreBuild(row);
        for (const storage::LeaseRow& row : leases) {
          if (Find(row.build) == nullptr) SupersedeRestored(row.build, board_, records_);
        }
      },
      "restore");
  return absl::OkStatus();
}

void Engine::RestoreBuild(storage::UnfinishedBuild row) {
  v1::BuildView view = row.view;
  view.set_last_event(0);
  const auto events = records_.Events(row.id, 1, kEventPage);
  if (events.ok()) {
    for (const v1::BuildEvent& event : *events) core::ApplyEvent(event, &view);
  } else {
    // What it was is not known, so it cannot go on. Its numbers do: a watcher must not be told two things
    // under one of them.
    const auto last = records_.LastEventNumber(row.id);
    if (!last.ok()) return loop_->Require(last.status());
    view.set_last_event(*last);
  }
  auto build = std::make_unique<RunningBuild>(std::move(view));
  build->submission = row.submission;
  build->submitted_at = row.submitted_at;
  build->since = row.submission.options().no_cache() ? row.submitted_at : 0;
  builds_[row.id] = std::move(build);
  admitted_.Add(row.id, core::ProjectOf(row.submission), NamedRealm(row.submission));
  RunningBuild& stored = *Find(row.id);
  stored.state.Enter(Now());
  if (!events.ok()) {
    LogError("build={} cannot go on: {}", row.id, Sv(events.status().message()));
    return CancelBuild(
        stored, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED,
        fmt::format("{}: the build cannot go on after the restart of the coordinator; submit it again",
                    Sv(events.status().message())));
  }
  stored.state.Notice(false, "the coordinator was restarted; the build goes on");
  LogInfo("build={} restored", row.id);
  if (row.plan) {
    stored.state.SetPlan(*std::move(row.plan));
    // All of it: a worker's report about a step that it still executes has to find its attempt.
    AdvanceReady(stored, true);
  } else {
    jobs_.Plan(stored);
  }
}

RunningBuild* Engine::Find(int64_t build) {
  auto it = builds_.find(build);
  if (it == builds_.end()) return nullptr;
  touched_.insert(build);
  return it->second.get();
}

absl::StatusOr<Submitted> Engine::Submit(const v1::BuildSubmission& submission,
                                         const std::string& idempotency_key,
                                         const std::vector<v1::Secret>& secrets, Submitter submitter,
                                         const std::stop_token& stop) {
  std::vector<v1::BuildSubmission> builds{submission};
  // It may be the submission of one of a matrix, again.
  builds.front().clear_matrix();
  return SubmitAll(builds, idempotency_key, secrets, submitter, stop);
}

absl::StatusOr<Submitted> Engine::SubmitAll(const std::vector<v1::BuildSubmission>& builds,
                                            const std::string& idempotency_key,
                                            const std::vector<v1::Secret>& secrets, Submitter submitter,
                                            const std::stop_token& stop) {
  RETURN_IF_ERROR(CheckIdempotencyKey(idempotency_key));
  RETURN_IF_ERROR(CheckSubmissions(builds, secrets));
  // What a rebuild needs is in its plan, and looked for when that is loaded.
  if (submitter == Submitter::kClient) {
    ASSIGN_OR_RETURN(const SubmissionGate::Place place, submission_gate_.Enter(stop));
    for (const v1::BuildSubmission& build : builds)
      RETURN_IF_ERROR(InCombination(CheckRecipe(build, options_, blobs_, stop), build));
  }
  if (options_.room != nullptr) options_.room->MakeRoom();
  // The same submission stays the same when the farm's defaults have changed meanwhile.
  const std::string digest = DigestOf(builds);
  std::vector<v1::BuildSubmission> bounded;
  if (options_.usual_bounds.ByteSizeLong() > 0) {
    bounded = builds;
    for (v1::BuildSubmission& build : bounded)
      *build.mutable_options()->mutable_step_bounds() =
          WithUsual(build.options().step_bounds(), options_.usual_bounds);
  }
  return loop_->Call<Submitted>(
      [this, &builds, &bounded, &idempotency_key, &digest, &secrets,
       submitter]() -> absl::StatusOr<Submitted> {
        const int64_t window = Now() - absl::ToInt64Nanoseconds(options_.idempotency_window);
        const std::string key = KeyOfClient(core::ClientOf(core::AuthorOf(builds.front())), idempotency_key);
        const auto count = static_cast<int64_t>(builds.size());
        ASSIGN_OR_RETURN(const auto earlier, records_.FindIdempotent(key, window));
        if (earlier) {
          if (earlier->submission_digest != digest) {
            return absl::AlreadyExistsError(
                fmt::format("idempotency key '{}' was used for another submission (build {})",
                            idempotency_key, earlier->build_id));
          }
          // The coordinator may have been restarted since.
          for (int64_t id = earlier->build_id; id < earlier->build_id + count; ++id) {
            if (Find(id) != nullptr) supplies_.Give(id, secrets);
          }
          return Submitted{earlier->build_id, true};
        }
        if (options_.room != nullptr) RETURN_IF_ERROR(options_.room->Check(RoomFor::kNew));
        if (submitter == Submitter::kClient) {
          // Those of a matrix are of one project, and may run in the same places.
          RETURN_IF_ERROR(
              admitted_.Check(core::ProjectOf(builds.front()), NamedRealm(builds.front()), builds.size()));
          if (std::any_of(builds.begin(), builds.end(), GivesNames))
            RETURN_IF_ERROR(images_.CheckRoom(core::ProjectOf(builds.front())));
        }
        for (const v1::BuildSubmission& build : builds) {
          if (!GivesNames(build)) continue;
          const std::vector<std::string> names(build.options().tags().begin(), build.options().tags().end());
          RETURN_IF_ERROR(images_.CheckMayName(names, core::AuthorOf(build)));
        }
        // From the first one on nothing refuses the others: what fails is the record, and with it the batch.
        std::optional<int64_t> first;
        for (const v1::BuildSubmission& build : bounded.empty() ? builds : bounded) {
          ASSIGN_OR_RETURN(const int64_t id, Admit(build, first ? "" : key, first ? "" : digest));
          if (!first) first = id;
          supplies_.Give(id, secrets);
        }
        return Submitted{*first, false};
      },
      "submission");
}

absl::StatusOr<int64_t> Engine::Admit(const v1::BuildSubmission& submission,
                                      const std::string& idempotency_key, const std::string& digest) {
  const int64_t now = Now();
  ASSIGN_OR_RETURN(const int64_t id, records_.InsertBuild(submission, idempotency_key, digest, now));
  ASSIGN_OR_RETURN(v1::BuildView view, records_.LoadView(id));
  auto build = std::make_unique<RunningBuild>(std::move(view));
  build->submission = submission;
  build->submitted_at = now;
  build->since = submission.options().no_cache() ? now : 0;
  build->state.Enter(now);
  build->state.SetStatus(v1::BUILD_STATUS_PLANNING, "");
  builds_[id] = std::move(build);
  admitted_.Add(id, core::ProjectOf(submission), NamedRealm(submission));
  jobs_.Plan(*Find(id));
  LogInfo("build={} submitted platforms={} verify={}", id, submission.options().platforms_size(),
          submission.options().verify());
  return id;
}

AheadCalls Engine::CallsForAhead() {
  AheadCalls calls;
  calls.ask = [this](int64_t id, AheadQuestion question, auto done) {
    if (RunningBuild* build = Find(id)) jobs_.AskAhead(*build, std::move(question), std::move(done));
  };
  calls.harvest = [this](int64_t id, HarvestQuestion question, auto done) {
    RunningBuild* build = Find(id);
    if (build != nullptr) jobs_.Harvest(*build, std::move(question), Now(), std::move(done));
  };
  calls.submit = [this](v1::BuildSubmission submission) -> absl::StatusOr<int64_t> {
    if (options_.room != nullptr) RETURN_IF_ERROR(options_.room->Check(RoomFor::kNew));
    // It is placed as the build that waits for it.
    if (const RunningBuild* waiting = Find(submission.wheels().ahead_of())) {
      const v1::BuildSubmission& from = waiting->submission;
      submission.set_project(from.project());
      submission.mutable_options()->set_priority(from.options().priority());
      submission.mutable_options()->set_pool(from.options().pool());
      *submission.mutable_options()->mutable_constraints() = from.options().constraints();
    }
    return Admit(submission, "", "");
  };
  calls.cancel = [this](int64_t id) {
    RunningBuild* build = Find(id);
    if (build == nullptr) return;
    build->state.Enter(Now());
    CancelBuild(*build, v1::BUILD_STATUS_CANCELLED, "the build that waited for it has ended");
  };
  calls.go_on = [this](const core::StageRunId& run) { Advance(run); };
  calls.tell = [this](int64_t id, const std::string& notice) {
    RunningBuild* build = Find(id);
    if (build == nullptr) return;
    build->state.Enter(Now());
    build->state.Notice(false, notice);
  };
  calls.now = [this] { return Now(); };
  return calls;
}

void Engine::OnPlanned(int64_t id, Planned planned) {
  RunningBuild* build = Find(id);
  if (build == nullptr || build->concluding) return;
  // Only the end of the coordinator stops the planning of a build that goes on: it is planned again by the
  // next.
  if (absl::IsCancelled(planned.plan.status())) return;
  build->state.Enter(Now());
  for (const v1::PinnedImage& base : planned.pinned) build->state.BasePinned(base);
  for (const v1::RemoteSource& source : planned.fetched) build->state.RemoteFetched(source);
  const absl::Status saved =
      planned.plan.ok() ? records_.SaveRecordedPlan(id, planned.recorded) : planned.plan.status();
  if (!saved.ok()) {
    build->concluding = true;
    build->state.Finish(
        IsFaultOfRecipe(saved) ? v1::BUILD_STATUS_FAILED : v1::BUILD_STATUS_INFRASTRUCTURE_FAILED,
        Sv(saved.message()), "");
    return;
  }
  build->state.SetPlan(*std::move(planned.plan));
  build->state.SetStatus(v1::BUILD_STATUS_RUNNING, "");
  AdvanceReady(*build);
}

absl::Status Engine::RemoveWorker(const std::string& worker) {
  return loop_
      ->Call<bool>(
          [this, &worker]() -> absl::StatusOr<bool> {
            RETURN_IF_ERROR(scheduler_.RemoveWorker(worker));
            LogInfo("worker={} removed", worker);
            return true;
          },
          "worker")
      .status();
}

absl::Status Engine::Cancel(int64_t first, bool timed_out, int64_t count) {
  return loop_
      ->Call<bool>([this, first, timed_out, count]() -> absl::StatusOr<bool> {
        for (int64_t id = first; id < first + count; ++id) {
          RunningBuild* build = Find(id);
          if (build == nullptr) {
            RETURN_IF_ERROR(records_.LoadView(id).status());
            continue;
          }
          build->state.Enter(Now());
          CancelBuild(*build, timed_out ? v1::BUILD_STATUS_TIMED_OUT : v1::BUILD_STATUS_CANCELLED,
                      timed_out ? "the client ended the build at its --timeout" : "cancelled by the client");
        }
        return true;
      })
      .status();
}

void Engine::CancelBuild(RunningBuild& build, v1::BuildStatus status, const std::string& message) {
  if (build.concluding) return;
  build.concluding = true;
  const auto cells = build.state.view().cells();
  for (v1::CellView cell : cells) {
    if (IsFinished(cell.status())) continue;
    cell.set_status(status);
    cell.set_message(message);
    build.state.CellFinished(cell);
  }
  LeaveUnwanted(build, board_);
  build.state.Finish(status, message, "");
}

// What there is already is read beside the loop, however much it is; in the loop only what came meanwhile.
absl::StatusOr<std::shared_ptr<Watcher>> Engine::Watch(int64_t id, int64_t from_event, bool logs) {
  const auto read = [this, id](int64_t from, int limit) { return reader_->Events(id, from, limit); };
  const auto read_console = [this](int64_t execution, int64_t from, int limit) {
    return logs_.Read(execution, from, limit);
  };
  const auto watcher = std::make_shared<Watcher>(std::max<int64_t>(from_event, 1), logs, read, read_console);
  RETURN_IF_ERROR(watcher->ReadFirst());
  if (logs) {
    // A log that has to be opened is read to its end: not in the loop, which asks again.
    ASSIGN_OR_RETURN(const std::vector<RunningConsole> running, reader_->Consoles(id));
    for (const RunningConsole& console : running)
      RETURN_IF_ERROR(logs_.ChunkCount(console.execution).status());
  }
  using Result = std::shared_ptr<Watcher>;
  return loop_->Call<Result>(
      [this, id, logs, &watcher]() -> absl::StatusOr<Result> {
        RunningBuild* build = Find(id);
        if (build == nullptr) RETURN_IF_ERROR(reader_->Load(id).status());
        for (const PlanningStep& step : jobs_.LatestProgress(id)) watcher->Push(Watched{.progress = step});
        if (build == nullptr) {
          watcher->Close();
          return watcher;
        }
        if (logs) {
          for (const RunningConsole& console : reader_->ConsolesNow(id)) {
            ASSIGN_OR_RETURN(const int64_t chunks, logs_.ChunkCount(console.execution));
            watcher->AddConsole({console.execution, console.stage, console.replica, 0, chunks});
          }
        }
        // Added after the commit: what was published before is on record by then.
        loop_->AfterCommit([this, id, watcher] { watchers_.Add(id, watcher); });
        return watcher;
      },
      "watch");
}

void Engine::Unwatch(int64_t build, const std::shared_ptr<Watcher>& watcher) {
  watchers_.Remove(build, watcher);
}

absl::StatusOr<std::shared_ptr<AttachedClient>> Engine::Attach(int64_t id,
                                                               const std::vector<v1::Secret>& secrets,
                                                               const std::set<std::string>& ssh_ids) {
  using Client = std::shared_ptr<AttachedClient>;
  return loop_->Call<Client>([this, id, &secrets, &ssh_ids]() -> absl::StatusOr<Client> {
    RunningBuild* build = Find(id);
    if (build == nullptr || IsFinished(build->state.view().status())) {
      RETURN_IF_ERROR(records_.LoadView(id).status());
      return absl::FailedPreconditionError(fmt::format("build {} has ended", id));
    }
    const v1::BuildOptions& options = build->submission.options();
    if (!secrets.empty()) RETURN_IF_ERROR(CheckSecrets(options, secrets));
    for (const std::string& ssh_id : ssh_ids) {
      if (std::find(options.ssh_ids().begin(), options.ssh_ids().end(), ssh_id) == options.ssh_ids().end()) {
        return absl::InvalidArgumentError(
            fmt::format("ssh agent {} is offered, which the options of build {} do not name", ssh_id, id));
      }
    }
    supplies_.Give(id, secrets);
    return supplies_.Attach(id, ssh_ids);
  });
}

absl::StatusOr<std::shared_ptr<AgentChannel>> Engine::OpenAgent(
    core::LeaseNumber lease, const std::string& ssh_id,
    const std::function<absl::Status(std::string_view worker)>& may_be) {
  ASSIGN_OR_RETURN(const int64_t build, loop_->Call<int64_t>([this, lease, &ssh_id,
                                                              &may_be]() -> absl::StatusOr<int64_t> {
    const core::Attempt* attempt = board_.FindLease(lease);
    if (attempt == nullptr) return absl::NotFoundError(fmt::format("lease {} is not active", lease));
    RETURN_IF_ERROR(may_be(attempt->worker));
    if (!ClientMountsOf(attempt->task).agents.contains(ssh_id)) {
      return absl::NotFoundError(fmt::format("no step under lease {} mounts ssh agent {}", lease, ssh_id));
    }
    if (!attempt->owner) return absl::UnavailableError("the build whose ssh agent it is has ended");
    return attempt->owner->build;
  }));
  return supplies_.Open(build, ssh_id);
}

}  // namespace crossmill::coordinator
