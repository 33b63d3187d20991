// Engine: construction, restart, and what clients ask for.
#include "coordinator/engine/engine.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/oci/reference.h"
#include "common/plan/planner.h"
#include "common/words/words.h"
#include "coordinator/core/build_view.h"
#include "coordinator/engine/client_mounts.h"
#include "coordinator/engine/planning.h"

namespace crossmill::coordinator {
namespace {

constexpr int kEventPage = 1 << 20;
constexpr uint32_t kMaxExecutions = 16;

absl::Status CheckOptions(const v1::BuildOptions& options) {
  if (options.platforms().empty()) return absl::InvalidArgumentError("no platform is asked for");
  if (options.verify() > kMaxExecutions) {
    return absl::InvalidArgumentError(
        fmt::format("--verify {} is more than {}", options.verify(), kMaxExecutions));
  }
  for (const std::string& tag : options.tags()) {
    const auto reference = oci::ParseReference(tag);
    if (!reference.ok()) return Annotate(reference.status(), fmt::format("-t {}", tag));
  }
  return absl::OkStatus();
}

// What shows without the bases is refused before there is a build.
absl::Status CheckRecipe(const v1::BuildSubmission& submission, const v1::Platform& build_platform,
                         BlobStore& blobs) {
  if (submission.has_wheels()) {
    return absl::InvalidArgumentError("builds of wheels are the farm's own: submit a recipe");
  }
  if (submission.has_rebuild()) {
    return absl::InvalidArgumentError(
        fmt::format("build {0} is built again by `crossmill verify {0}`", submission.rebuild().build()));
  }
  RETURN_IF_ERROR(CheckOptions(submission.options()));
  RETURN_IF_ERROR(
      plan::FindBases(submission.recipe(), PlanOptionsOf(submission.options(), build_platform)).status());
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
  return absl::OkStatus();
}

// Consoles as far as they were read, by execution.
using Consoles = std::map<int64_t, std::vector<v1::LogChunk>>;

// Reads on where `read` ends.
void ReadConsoles(const std::vector<RunningConsole>& running, storage::LogStore& logs, Consoles* read) {
  for (const RunningConsole& console : running) {
    std::vector<v1::LogChunk>& chunks = (*read)[console.execution];
    auto more = logs.Read(console.execution, static_cast<int64_t>(chunks.size()), kEventPage);
    if (more.ok()) std::move(more->begin(), more->end(), std::back_inserter(chunks));
  }
}

void PushConsole(const RunningConsole& console, const std::vector<v1::LogChunk>& chunks, Watcher& watcher) {
  Watched watched{.execution = console.execution, .stage = console.stage, .replica = console.replica};
  for (const v1::LogChunk& chunk : chunks) {
    watched.chunk = chunk;
    watcher.Push(watched);
    ++watched.offset;
  }
}

}  // namespace

Engine::Engine(storage::RecordStore& records, storage::LogStore& logs, BlobStore& blobs, ImageStore& images,
               ImageAssembler& assembler, Clock& clock, EngineOptions options)
    : records_(records),
      logs_(logs),
      blobs_(blobs),
      images_(images),
      clock_(clock),
      options_(options),
      cache_(records, blobs),
      walk_(cache_, records),
      placing_(records),
      scheduler_(options.scheduler, [this](core::TaskId, const std::string&) { return next_lease_++; }),
      packages_(logs, options.failure_rules),
      statements_(records.connection()),
      wheel_records_(records.connection()),
      ahead_(
          CallsForAhead(), wheel_records_,
          options.ahead_planner == nullptr ? std::vector<std::string>() : options.ahead_planner->IndexUrls()),
      jobs_({images, blobs, assembler, records, options.remote_sources, options.ahead_planner,
             options.build_platform, options.known_files},
            builds_, watchers_, options.job_threads) {}

Engine::~Engine() { Stop(); }

void Engine::EndWatches(const absl::Status& reason) {
  watchers_.CloseAll(reason);
  supplies_.CloseAll();
}

void Engine::Stop() {
  EndWatches();
  jobs_.Stop();
  if (loop_) loop_->Stop();
}

absl::Status Engine::Start() {
  ASSIGN_OR_RETURN(std::unique_ptr<storage::RecordStore> committed, records_.OpenAnother());
  ASSIGN_OR_RETURN(next_lease_, records_.NextLease());
  ASSIGN_OR_RETURN(const std::vector<storage::WorkerRow> workers, records_.Workers());
  for (const storage::WorkerRow& row : workers) {
    scheduler_.Expect(row.info, clock_.Now());
    ahead_.Know(row.info);
  }

  ASSIGN_OR_RETURN(const std::vector<storage::LeaseRow> leases, records_.ActiveLeases());
  ASSIGN_OR_RETURN(const std::vector<storage::Execution> executions, records_.UnfinishedExecutions());
  std::map<uint64_t, int64_t> execution_of;
  for (const storage::Execution& execution : executions) execution_of[execution.lease] = execution.id;
  for (const storage::LeaseRow& row : leases) {
    core::RestoredLease lease{row.number, row.worker, row.task, row.granted_at};
    if (auto running = execution_of.extract(row.number)) {
      lease.execution = running.mapped();
      // Console offsets go on: clients deduplicate by them.
      lease.log_chunks = logs_.ChunkCount(lease.execution).value_or(0);
    }
    board_.Expect({row.build, static_cast<int>(row.stage), static_cast<int>(row.replica)}, std::move(lease));
  }
  ASSIGN_OR_RETURN(std::vector<storage::UnfinishedBuild> builds, records_.UnfinishedBuilds());

  loop_ = std::make_unique<TransactionLoop>(
      records_, [this] { Tick(); }, std::chrono::milliseconds(200),
      [this](const absl::Status& reason) {
        EndWatches(reason);
        if (options_.on_failure) options_.on_failure(reason);
      });
  reader_ = std::make_unique<FarmReader>(*loop_, records_, std::move(committed), builds_, board_, scheduler_);
  jobs_.Start(*loop_, [this](int64_t build, Planned planned) { OnPlanned(build, std::move(planned)); });
  loop_->Post([this, builds = std::move(builds), leases, orphans = std::move(execution_of)] {
    // Executions whose lease is no longer active: nobody will finish them.
    for (const auto& [lease, execution] : orphans) records_.AbandonExecution(execution).IgnoreError();
    for (const storage::UnfinishedBuild& row : builds) RestoreBuild(row);
    for (const storage::LeaseRow& row : leases) {
      if (Find(row.build) == nullptr) ForgetRestored(row.build);
    }
  });
  return absl::OkStatus();
}

// The worker that still runs under such a lease is told to drop it. What ended already stays as it is: only
// that is passed over here, for a disk that refuses a write fails the whole batch (Connection).
void Engine::ForgetRestored(int64_t build) {
  for (const core::RestoredLease& lease : board_.TakeRestoredOf(build)) {
    records_.EndLease(lease.lease, "superseded").IgnoreError();
    if (lease.execution != 0) records_.AbandonExecution(lease.execution).IgnoreError();
  }
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
    AdvanceReady(stored);
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
                                         const std::vector<v1::Secret>& secrets, Submitter submitter) {
  RETURN_IF_ERROR(CheckSecrets(submission.options(), secrets));
  // What a rebuild needs is in its plan, and looked for when that is loaded.
  if (submitter == Submitter::kClient)
    RETURN_IF_ERROR(CheckRecipe(submission, options_.build_platform, blobs_));
  const std::string digest = Sha256Hex(submission.SerializeAsString());
  return loop_->Call<Submitted>(
      [this, &submission, &idempotency_key, &digest, &secrets]() -> absl::StatusOr<Submitted> {
        const int64_t window = Now() - absl::ToInt64Nanoseconds(options_.idempotency_window);
        ASSIGN_OR_RETURN(const auto earlier, records_.FindIdempotent(idempotency_key, window));
        if (earlier) {
          if (earlier->submission_digest == digest) {
            // The coordinator may have been restarted since.
            if (Find(earlier->build_id) != nullptr) supplies_.Give(earlier->build_id, secrets);
            return Submitted{earlier->build_id, true};
          }
          return absl::AlreadyExistsError(
              fmt::format("idempotency key '{}' was used for another submission (build {})", idempotency_key,
                          earlier->build_id));
        }
        ASSIGN_OR_RETURN(const int64_t id, Admit(submission, idempotency_key, digest));
        supplies_.Give(id, secrets);
        return Submitted{id, false};
      });
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
  calls.submit = [this](const v1::BuildSubmission& submission) { return Admit(submission, "", ""); };
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
  const absl::Status saved = planned.plan.ok() ? records_.SavePlan(id, *planned.plan) : planned.plan.status();
  if (!saved.ok()) {
    const bool recipe =
        absl::IsInvalidArgument(saved) || absl::IsNotFound(saved) || absl::IsFailedPrecondition(saved);
    build->concluding = true;
    build->state.Finish(recipe ? v1::BUILD_STATUS_FAILED : v1::BUILD_STATUS_INFRASTRUCTURE_FAILED,
                        Sv(saved.message()), "");
    return;
  }
  build->state.SetPlan(*std::move(planned.plan));
  build->state.SetStatus(v1::BUILD_STATUS_RUNNING, "");
  AdvanceReady(*build);
}

absl::Status Engine::Cancel(int64_t id, bool timed_out) {
  return loop_
      ->Call<bool>([this, id, timed_out]() -> absl::StatusOr<bool> {
        RunningBuild* build = Find(id);
        if (build == nullptr) {
          RETURN_IF_ERROR(records_.LoadView(id).status());
          return false;
        }
        build->state.Enter(Now());
        CancelBuild(*build, timed_out ? v1::BUILD_STATUS_TIMED_OUT : v1::BUILD_STATUS_CANCELLED,
                    timed_out ? "the client ended the build at its --timeout" : "cancelled by the client");
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
  LeaveUnwanted(build);
  build.state.Finish(status, message, "");
}

// What there is already is read beside the loop, however much it is; in the loop only what came meanwhile.
absl::StatusOr<std::shared_ptr<Watcher>> Engine::Watch(int64_t id, int64_t from_event, bool logs) {
  const int64_t from = std::max<int64_t>(from_event, 1);
  ASSIGN_OR_RETURN(std::vector<v1::BuildEvent> events, reader_->Events(id, from, kEventPage));
  Consoles consoles;
  if (logs) {
    ASSIGN_OR_RETURN(const std::vector<RunningConsole> running, reader_->Consoles(id));
    ReadConsoles(running, logs_, &consoles);
  }
  using Result = std::shared_ptr<Watcher>;
  return loop_->Call<Result>([this, id, from, logs, &events, &consoles]() -> absl::StatusOr<Result> {
    RETURN_IF_ERROR(reader_->Load(id).status());
    // Flushed first, so that nothing falls between what is recorded and what is published.
    if (RunningBuild* build = Find(id)) Flush(*build);
    ASSIGN_OR_RETURN(const std::vector<v1::BuildEvent> more,
                     records_.Events(id, from + static_cast<int64_t>(events.size()), kEventPage));
    auto watcher = std::make_shared<Watcher>(logs);
    for (v1::BuildEvent& event : events) watcher->Push(Watched{.event = std::move(event)});
    for (const v1::BuildEvent& event : more) watcher->Push(Watched{.event = event});
    for (const PlanningStep& step : jobs_.LatestProgress(id)) watcher->Push(Watched{.progress = step});
    RunningBuild* build = Find(id);
    if (build == nullptr) {
      watcher->Close();
      return watcher;
    }
    if (logs) {
      const std::vector<RunningConsole> running = reader_->ConsolesNow(id);
      ReadConsoles(running, logs_, &consoles);
      for (const RunningConsole& console : running)
        PushConsole(console, consoles[console.execution], *watcher);
    }
    // Added after the commit of what it was just given, so that it does not get these events twice.
    loop_->AfterCommit([this, id, watcher] { watchers_.Add(id, watcher); });
    return watcher;
  });
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

absl::StatusOr<std::shared_ptr<AgentChannel>> Engine::OpenAgent(core::LeaseNumber lease,
                                                                const std::string& ssh_id) {
  ASSIGN_OR_RETURN(const int64_t build, loop_->Call<int64_t>([this, lease,
                                                              &ssh_id]() -> absl::StatusOr<int64_t> {
    const core::Attempt* attempt = board_.FindLease(lease);
    if (attempt == nullptr) return absl::NotFoundError(fmt::format("lease {} is not active", lease));
    if (!ClientMountsOf(attempt->task).agents.contains(ssh_id)) {
      return absl::NotFoundError(fmt::format("no step under lease {} mounts ssh agent {}", lease, ssh_id));
    }
    if (!attempt->owner) return absl::UnavailableError("the build whose ssh agent it is has ended");
    return attempt->owner->build;
  }));
  return supplies_.Open(build, ssh_id);
}

}  // namespace crossmill::coordinator
