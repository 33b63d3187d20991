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

}  // namespace

Engine::Engine(storage::RecordStore& records, storage::LogStore& logs, BlobStore& blobs, ImageStore& images,
               ImageAssembler& assembler, Clock& clock, EngineOptions options)
    : records_(records),
      logs_(logs),
      blobs_(blobs),
      images_(images),
      assembler_(assembler),
      clock_(clock),
      options_(options),
      cache_(records, blobs),
      scheduler_(options.scheduler, [this](core::TaskId, const std::string&) { return next_lease_++; }),
      jobs_(options.job_threads) {}

Engine::~Engine() { Stop(); }

void Engine::EndWatches() {
  watchers_.CloseAll();
  relay_.CloseAll();
}

void Engine::Stop() {
  EndWatches();
  jobs_.Stop();
  if (loop_) loop_->Stop();
}

absl::Status Engine::Start() {
  ASSIGN_OR_RETURN(next_lease_, records_.NextLease());
  ASSIGN_OR_RETURN(std::vector<storage::LeaseRow> leases, records_.ActiveLeases());
  for (storage::LeaseRow& row : leases) {
    const Place place{row.build, static_cast<int>(row.stage), static_cast<int>(row.replica)};
    restored_[place] = std::move(row);
  }
  ASSIGN_OR_RETURN(const std::vector<storage::Execution> executions, records_.UnfinishedExecutions());
  for (const storage::Execution& execution : executions) restored_executions_[execution.lease] = execution.id;
  ASSIGN_OR_RETURN(std::vector<storage::UnfinishedBuild> builds, records_.UnfinishedBuilds());

  loop_ = std::make_unique<TransactionLoop>(
      records_, [this] { Tick(); }, std::chrono::milliseconds(200));
  loop_->Post([this, builds = std::move(builds), executions] {
    for (const storage::UnfinishedBuild& row : builds) RestoreBuild(row);
    // What nobody took up again is over: the worker will be told to drop it.
    std::set<uint64_t> held;
    for (const auto& [lease, task] : leases_) held.insert(lease);
    for (const auto& [place, row] : restored_) {
      if (held.contains(row.number) || builds_.contains(place.build)) continue;
      records_.EndLease(row.number, "superseded").IgnoreError();
    }
    for (const storage::Execution& execution : executions) {
      if (!held.contains(execution.lease) && !restored_executions_.contains(execution.lease)) {
        records_.AbandonExecution(execution.id).IgnoreError();
      }
    }
  });
  return absl::OkStatus();
}

void Engine::RestoreBuild(storage::UnfinishedBuild row) {
  v1::BuildView view = row.view;
  view.set_last_event(0);
  auto events = records_.Events(row.id, 1, kEventPage);
  if (events.ok()) {
    for (const v1::BuildEvent& event : *events) core::ApplyEvent(event, &view);
  }
  auto build = std::make_unique<Build>(std::move(view));
  build->submission = row.submission;
  build->submitted_at = row.submitted_at;
  build->since = row.submission.options().no_cache() ? row.submitted_at : 0;
  Build& stored = *(builds_[row.id] = std::move(build));
  stored.state.Enter(Now());
  stored.state.Notice(false, "the coordinator was restarted; the build goes on");
  spdlog::info("build={} restored", row.id);
  if (row.plan) {
    stored.state.SetPlan(*std::move(row.plan));
    AdvanceReady(stored);
  } else {
    StartPlanning(stored);
  }
}

Engine::Build* Engine::Find(int64_t build) {
  auto it = builds_.find(build);
  return it == builds_.end() ? nullptr : it->second.get();
}

absl::StatusOr<Submitted> Engine::Submit(const v1::BuildSubmission& submission,
                                         const std::string& idempotency_key,
                                         const std::vector<v1::Secret>& secrets) {
  RETURN_IF_ERROR(CheckOptions(submission.options()));
  RETURN_IF_ERROR(CheckSecrets(submission.options(), secrets));
  // What shows without the bases is refused before there is a build.
  RETURN_IF_ERROR(
      plan::FindBases(submission.recipe(), PlanOptionsOf(submission.options(), options_.build_platform))
          .status());
  const Digest root = FromProto(submission.recipe().context_root());
  if (!blobs_.Has(root)) {
    return absl::FailedPreconditionError(fmt::format(
        "the context's root {} is not in the blob store; upload the context first", ToString(root)));
  }
  for (const v1::NamedContext& context : submission.recipe().contexts()) {
    if (!context.has_tree() && !context.has_image_root()) continue;
    const Digest named = FromProto(context.has_tree() ? context.tree() : context.image_root());
    if (blobs_.Has(named)) continue;
    return absl::FailedPreconditionError(
        fmt::format("build context '{}' ({}) is not in the blob store; upload it first", context.name(),
                    ToString(named)));
  }
  const std::string digest = Sha256Hex(submission.SerializeAsString());
  return loop_->Call<Submitted>(
      [this, &submission, &idempotency_key, &digest, &secrets]() -> absl::StatusOr<Submitted> {
        const int64_t window = Now() - absl::ToInt64Nanoseconds(options_.idempotency_window);
        ASSIGN_OR_RETURN(const auto earlier, records_.FindIdempotent(idempotency_key, window));
        if (earlier) {
          if (earlier->submission_digest == digest) {
            // The coordinator may have been restarted since.
            if (Find(earlier->build_id) != nullptr) {
              secrets_.Give(earlier->build_id, secrets);
              ReleaseHeld(earlier->build_id);
            }
            return Submitted{earlier->build_id, true};
          }
          return absl::AlreadyExistsError(
              fmt::format("idempotency key '{}' was used for another submission (build {})", idempotency_key,
                          earlier->build_id));
        }
        const int64_t now = Now();
        ASSIGN_OR_RETURN(const int64_t id, records_.InsertBuild(submission, idempotency_key, digest, now));
        ASSIGN_OR_RETURN(v1::BuildView view, records_.LoadView(id));
        auto build = std::make_unique<Build>(std::move(view));
        build->submission = submission;
        build->submitted_at = now;
        build->since = submission.options().no_cache() ? now : 0;
        build->state.Enter(now);
        build->state.SetStatus(v1::PLANNING, "");
        secrets_.Give(id, secrets);
        StartPlanning(*(builds_[id] = std::move(build)));
        spdlog::info("build={} submitted platforms={} verify={}", id, submission.options().platforms_size(),
                     submission.options().verify());
        return Submitted{id, false};
      });
}

void Engine::StartPlanning(Build& build) {
  const int64_t id = build.state.id();
  RunJob(id, [this, id, submission = build.submission] {
    std::vector<v1::PinnedImage> pinned;
    std::vector<v1::RemoteSource> fetched;
    PlanningCalls calls;
    calls.on_pinned = [&](const v1::PinnedImage& base) { pinned.push_back(base); };
    calls.on_fetched = [&](const v1::RemoteSource& source) { fetched.push_back(source); };
    calls.on_progress = [this, id](const std::string& what, int64_t done, int64_t total) {
      TellProgress(id, {what, done, total});
    };
    auto plan =
        PlanBuild(submission, options_.build_platform, {images_, blobs_, options_.remote_sources}, calls);
    if (plan.ok()) {
      const absl::Status given = LeaveOutMissing(submission.options(), &*plan);
      if (!given.ok()) plan = given;
    }
    return [this, id, plan = std::move(plan), pinned = std::move(pinned),
            fetched = std::move(fetched)]() mutable { Planned(id, std::move(plan), pinned, fetched); };
  });
}

void Engine::TellProgress(int64_t build, const PlanningStep& step) {
  if (planning_progress_.Report(build, step)) watchers_.PublishProgress(build, step);
}

void Engine::Planned(int64_t id, absl::StatusOr<v1::BuildPlan> plan,
                     const std::vector<v1::PinnedImage>& pinned,
                     const std::vector<v1::RemoteSource>& fetched) {
  planning_progress_.Forget(id);
  Build* build = Find(id);
  if (build == nullptr || build->concluding) return;
  build->state.Enter(Now());
  for (const v1::PinnedImage& base : pinned) build->state.BasePinned(base);
  for (const v1::RemoteSource& source : fetched) build->state.RemoteFetched(source);
  const absl::Status saved = plan.ok() ? records_.SavePlan(id, *plan) : plan.status();
  if (!saved.ok()) {
    const bool recipe =
        absl::IsInvalidArgument(saved) || absl::IsNotFound(saved) || absl::IsFailedPrecondition(saved);
    build->concluding = true;
    build->state.Finish(recipe ? v1::FAILED : v1::INFRASTRUCTURE_FAILED, Sv(saved.message()), "");
    return;
  }
  build->state.SetPlan(*std::move(plan));
  build->state.SetStatus(v1::RUNNING, "");
  AdvanceReady(*build);
}

absl::StatusOr<v1::BuildView> Engine::LoadView(int64_t id) {
  if (id == 0) {
    ASSIGN_OR_RETURN(id, records_.LatestBuild());
  }
  if (Build* build = Find(id)) return build->state.view();
  return records_.LoadView(id);
}

absl::StatusOr<v1::BuildView> Engine::Get(int64_t build) {
  return loop_->Call<v1::BuildView>([this, build] { return LoadView(build); });
}

absl::StatusOr<std::vector<v1::BuildView>> Engine::List(int64_t before, int limit) {
  using Views = std::vector<v1::BuildView>;
  return loop_->Call<Views>([this, before, limit]() -> absl::StatusOr<Views> {
    ASSIGN_OR_RETURN(Views views, records_.ListViews(before, limit));
    for (v1::BuildView& view : views) {
      if (Build* build = Find(view.id())) view = build->state.view();
      view.clear_stages();
    }
    return views;
  });
}

absl::Status Engine::Cancel(int64_t id, bool timed_out) {
  return loop_
      ->Call<bool>([this, id, timed_out]() -> absl::StatusOr<bool> {
        Build* build = Find(id);
        if (build == nullptr) {
          RETURN_IF_ERROR(records_.LoadView(id).status());
          return false;
        }
        build->state.Enter(Now());
        CancelBuild(*build, timed_out ? v1::TIMED_OUT : v1::CANCELLED,
                    timed_out ? "the client's time limit was reached" : "cancelled by the client");
        return true;
      })
      .status();
}

void Engine::CancelBuild(Build& build, v1::BuildStatus status, const std::string& message) {
  if (build.concluding) return;
  build.concluding = true;
  const auto cells = build.state.view().cells();
  for (v1::CellView cell : cells) {
    if (IsFinished(cell.status())) continue;
    cell.set_status(status);
    cell.set_message(message);
    build.state.CellFinished(cell);
  }
  DetachUnwanted(build);
  build.state.Finish(status, message, "");
}

absl::StatusOr<std::vector<LocatedPackage>> Engine::Packages(int64_t id) {
  using Located = std::vector<LocatedPackage>;
  return loop_->Call<Located>([this, id]() -> absl::StatusOr<Located> {
    ASSIGN_OR_RETURN(const v1::BuildView view, LoadView(id));
    Located located;
    for (const v1::StageView& stage : view.stages()) {
      for (const v1::StepView& step : stage.steps()) {
        if (step.execution() == 0) continue;
        ASSIGN_OR_RETURN(const std::vector<v1::PackageOutcome> packages, records_.Packages(step.execution()));
        for (const v1::PackageOutcome& package : packages) {
          located.push_back(
              {stage.platform(), stage.index(), stage.name(), step.number(), step.execution(), package});
        }
      }
    }
    return located;
  });
}

absl::StatusOr<std::shared_ptr<Watcher>> Engine::Watch(int64_t id, int64_t from_event, bool logs) {
  using Result = std::shared_ptr<Watcher>;
  return loop_->Call<Result>([this, id, from_event, logs]() -> absl::StatusOr<Result> {
    ASSIGN_OR_RETURN(const v1::BuildView view, LoadView(id));
    // Flushed first, so that nothing falls between what is recorded and what is published.
    if (Build* build = Find(id)) Flush(*build);
    ASSIGN_OR_RETURN(const std::vector<v1::BuildEvent> events, records_.Events(id, from_event, kEventPage));
    auto watcher = std::make_shared<Watcher>(logs);
    for (const v1::BuildEvent& event : events) watcher->Push(Watched{.event = event});
    for (const PlanningStep& step : planning_progress_.Latest(id)) watcher->Push(Watched{.progress = step});
    Build* build = Find(id);
    if (build == nullptr) {
      watcher->Close();
      return watcher;
    }
    if (logs) {
      for (const auto& [task, attempt] : attempts_) {
        if (attempt.execution == 0 || !attempt.owner || attempt.owner->build != id) continue;
        auto chunks = logs_.Read(attempt.execution, 0, kEventPage);
        if (!chunks.ok()) continue;
        Watched watched{.execution = attempt.execution,
                        .stage = static_cast<uint32_t>(attempt.owner->stage),
                        .replica = attempt.task.replica()};
        for (v1::LogChunk& chunk : *chunks) {
          watched.chunk = std::move(chunk);
          watcher->Push(watched);
          ++watched.offset;
        }
      }
    }
    // Added after the commit of what it was just given, so that it does not get these events twice.
    loop_->AfterCommit([this, id, watcher] { watchers_.Add(id, watcher); });
    return watcher;
  });
}

void Engine::Unwatch(int64_t build, const std::shared_ptr<Watcher>& watcher) {
  watchers_.Remove(build, watcher);
}

absl::StatusOr<bool> Engine::IsRunning(int64_t execution) {
  return loop_->Call<bool>([this, execution]() -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const storage::Execution row, records_.GetExecution(execution));
    return std::any_of(attempts_.begin(), attempts_.end(),
                       [&](const auto& entry) { return entry.second.execution == row.id; });
  });
}

absl::StatusOr<std::map<core::TaskId, std::string>> Engine::TaskNames() {
  using Names = std::map<core::TaskId, std::string>;
  return loop_->Call<Names>([this]() -> absl::StatusOr<Names> {
    Names names;
    for (const auto& [id, attempt] : attempts_) names[id] = attempt.task.name();
    return names;
  });
}

}  // namespace crossmill::coordinator
