// Engine: what is due after every batch — leases, desired states, cells and builds that end, events.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/words/words.h"
#include "coordinator/core/circumstances.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/leases/restored_leases.h"

namespace crossmill::coordinator {
namespace {

// A client attaches within moments; when it takes longer people should know what is waited for.
constexpr absl::Duration kQuietWait = absl::Seconds(5);

constexpr absl::Duration kReview = absl::Milliseconds(50);

constexpr size_t kUnwantedAtOnce = 100;

// A small image is packed at once, which costs no event and no commit of its own.
constexpr int64_t kQuietPacking = 100'000'000;

void TellBuilt(RunningBuild& build, int64_t now) {
  std::erase_if(build.packing, [&](const auto& entry) {
    const auto& [since, cell] = entry.second;
    if (now - since < kQuietPacking) return false;
    build.state.Enter(now);
    build.state.CellBuilt(cell);
    return true;
  });
}

// Whoever asks for the names of a built build from now on waits for its image.
void ExpectImage(RunningBuild& build, ImageStore& images) {
  if (build.expected || !IsBuilt(build.state.view())) return;
  build.expected = true;
  if (build.submission.has_rebuild()) return;
  const auto& tags = build.submission.options().tags();
  images.Expect(build.id(), std::vector<std::string>(tags.begin(), tags.end()),
                core::ProjectOf(build.submission));
}

bool IsLate(const RunningBuild& build, int64_t now) {
  const uint32_t timeout = build.submission.options().timeout();
  // A build that was told as built stays so: its client has gone, with success.
  return timeout > 0 && !build.expected && now - build.submitted_at > int64_t{timeout} * 1'000'000'000;
}

// What the cells add up to: the recipe's failure says more than the farm's.
std::pair<v1::BuildStatus, std::string> EndOf(const v1::BuildView& view) {
  std::pair<v1::BuildStatus, std::string> end = {v1::BUILD_STATUS_SUCCEEDED, ""};
  for (const v1::CellView& cell : view.cells()) {
    if (cell.status() == v1::BUILD_STATUS_SUCCEEDED) continue;
    if (end.first == v1::BUILD_STATUS_SUCCEEDED || cell.status() == v1::BUILD_STATUS_FAILED) {
      end = {cell.status(), cell.message()};
    }
  }
  return end;
}

// Of a build of wheels that has ended.
std::vector<CompiledStep> CompiledSteps(RunningBuild& build) {
  std::vector<CompiledStep> steps;
  for (int stage = 0; stage < build.state.stage_count(); ++stage) {
    const auto& fact = build.state.stage(stage).facts.front();
    if (build.state.stage(stage).phase != core::Phase::kDone || !fact.has_value()) continue;
    steps.push_back({stage, fact->layer, fact->execution, fact->seconds, fact->emulated});
  }
  return steps;
}

absl::Status NoteOutvoted(storage::RecordStore& records, int64_t build,
                          const v1::CellComparison& comparison) {
  for (const v1::StepComparison& step : comparison.steps()) {
    const bool any = std::any_of(step.witnesses().begin(), step.witnesses().end(),
                                 [](const v1::Witness& witness) { return witness.outvoted(); });
    if (!any) continue;
    for (const v1::Witness& witness : step.witnesses()) {
      if (!witness.outvoted()) {
        // What shifted clocks have in common, later builds would be given as if it were theirs.
        if (witness.has_layer() && !core::ClockWasShifted(witness)) {
          RETURN_IF_ERROR(records.Endorse(witness.execution()));
        }
        continue;
      }
      LogWarning("build={} worker={} was outvoted step={} of {}: what it made there is used no further",
                 build, witness.worker(), step.step_number(), StagePhrase(step.stage_name()));
      RETURN_IF_ERROR(records.MarkOutvoted(witness.execution(), build));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void Engine::Tick() {
  if (options_.on_alive) options_.on_alive();
  LoopWatch& watch = loop_->watch();
  std::optional<LoopWatch::Timer> timer(std::in_place, watch, "tick leases");
  for (const std::string& worker : room_.Waiting()) scheduler_.Heartbeat(worker, passing_.Now());
  // What a worker loses at once is one loss.
  std::set<std::string> losers;
  for (const core::LostLease& lost : scheduler_.Expire(passing_.Now())) {
    const bool first = losers.insert(lost.worker).second;
    OnLost(lost.task, lost.reason, first ? Fault::kWorker : Fault::kFarm);
  }
  GiveUpUnplaceable();
  ReviewHeld();
  // A busy farm looks at what a batch touched; for what only time changes all are looked at now and then.
  const bool all = touched_.empty() || passing_.Now() - all_reviewed_ >= kReview;
  if (all) {
    all_reviewed_ = passing_.Now();
    for (const auto& [id, build] : builds_) {
      touched_.insert(id);
      if (!IsLate(*build, Now())) continue;
      build->state.Enter(Now());
      CancelBuild(*build, v1::BUILD_STATUS_TIMED_OUT,
                  fmt::format("the build took longer than its --timeout of {} s",
                              build->submission.options().timeout()));
    }
  }
  room_news_.Tell(builds_, Now(), &touched_);
  for (const core::StageRunId& run : outage_wait_.TakeDue(passing_.Now())) Advance(run);
  EndUnwanted();
  jobs_.BeginPlannings(passing_.Now());
  timer.emplace(watch, "tick dispatch");
  if (room_news_.MayDispatch() && !board_.MayHaveUnwanted()) DispatchLeases();
  for (const int64_t id : std::exchange(touched_, {})) {
    const auto found = builds_.find(id);
    if (found == builds_.end()) continue;
    RunningBuild& build = *found->second;
    build.state.Enter(Now());
    timer.emplace(watch, "tick conclude");
    Conclude(build);
    timer.emplace(watch, "tick events");
    Flush(build);
    timer.emplace(watch, "tick forget");
    // Whatever its jobs still find is nobody's any more.
    if (IsFinished(build.state.view().status())) Forget(build);
  }
  for (const std::string& worker : scheduler_.TakeDeparted()) {
    loop_->Require(records_.RemoveWorker(worker));
    ahead_.ForgetWorker(worker);
  }
  timer.emplace(watch, "tick workers");
  SendDesiredStates();
  if (std::exchange(worker_changes_told_, worker_changes_.count()) != worker_changes_told_)
    reader_->news().NoteWorkers();
}

void Engine::Forget(RunningBuild& build) {
  const int64_t id = build.id();
  outage_wait_.Forget(id);
  loop_->Require(records_.SaveView(id, build.state.view()));
  build.stop.request_stop();
  LogInfo("build={} finished status={} {}", id, v1::BuildStatus_Name(build.state.view().status()),
          build.state.view().message());
  // Not before: to an attached client it is the end of the build.
  loop_->AfterCommit([this, id, times = TimesOf(build.state.view())] {
    if (options_.on_build_ended) options_.on_build_ended(id, times);
    images_.ExpectNoMore(id);
    if (options_.held_blobs != nullptr) options_.held_blobs->Release(id);
    reader_->Forget(id);
    watchers_.Close(id);
    supplies_.Forget(id);
  });
  SupersedeRestored(id, board_, records_);
  admitted_.Remove(id);
  if (build.submission.has_wheels()) ahead_.Ended(build.submission.wheels(), id, CompiledSteps(build));
  ahead_.Forget(id);
  jobs_.Dispose(std::move(builds_.extract(id).mapped()));
}

void Engine::Flush(RunningBuild& build) {
  std::vector<v1::BuildEvent> events = build.state.TakeEvents();
  if (events.empty()) return;
  const int64_t id = build.state.id();
  for (const v1::BuildEvent& event : events) {
    loop_->Require(Annotate(records_.AppendEvent(id, event), fmt::format("build {}", id)));
  }
  auto steps = CountSteps(events, build.state.view());
  loop_->AfterCommit([this, id, events = std::move(events), headline = build.state.Headline(),
                      steps = std::move(steps)]() mutable {
    if (options_.counters != nullptr) options_.counters->AddSteps(steps);
    reader_->Publish(std::move(headline));
    watchers_.Publish(id, std::move(events));
  });
}

// Who waited for an attempt that cannot go on has to begin anew; that may leave others unwanted.
void Engine::EndUnwanted() {
  const auto enough = std::chrono::steady_clock::now() + options_.advance_slice;
  while (board_.MayHaveUnwanted()) {
    for (core::Attempt& ended : board_.TakeUnwanted(kUnwantedAtOnce)) {
      Close(ended, "cancelled");
      for (const core::StageRunId& run : ended.waiters) Advance(run);
    }
    if (std::chrono::steady_clock::now() < enough || !board_.MayHaveUnwanted()) continue;
    // The rest after what others wait for; nothing is leased until then, or it might be one of these.
    return loop_->Post([] {}, "unwanted");
  }
}

void Engine::ReviewHeld() {
  const absl::Time now = passing_.Now();
  std::vector<core::TaskId> tasks;
  for (const core::Attempt* attempt : board_.Held()) tasks.push_back(attempt->id);
  for (core::TaskId task : tasks) {
    const core::Attempt& attempt = *board_.Find(task);
    if (!attempt.owner) continue;  // EndUnwanted ends it
    const core::StageRunId run = *attempt.owner;
    const std::string missing = supplies_.Missing(run.build, attempt.task);
    const absl::Duration waited = now - *attempt.held_since;
    if (missing.empty()) {
      board_.Release(task);
      core::Requirements requirements = attempt.requirements;
      if (RunningBuild* build = Find(run.build)) placing_.KeepAway(*build, run, scheduler_, &requirements);
      scheduler_.Enqueue(task, requirements, now);
    } else if (waited >= options_.client_grace) {
      core::Attempt ended = board_.End(task);
      Close(ended, "cancelled");
      FailRun(run, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED,
              fmt::format("{} did not come from the client within {}: values of secrets and connections to "
                          "ssh agents are not kept over a restart of the coordinator, and the client is not "
                          "connected; submit the build again, finished steps are cached",
                          missing, Sv(absl::FormatDuration(options_.client_grace))));
      for (const core::StageRunId& waiter : ended.waiters) Advance(waiter);
    } else if (waited >= kQuietWait && !attempt.hold_told) {
      board_.TellHold(task);
      if (RunningBuild* build = Find(run.build)) {
        build->state.Enter(Now());
        build->state.Notice(
            true, fmt::format("{} waits for the client: {} is not there", attempt.task.name(), missing));
      }
    }
  }
}

void Engine::DispatchLeases() {
  const auto grant = [this](std::vector<core::TaskId>* displaced) {
    for (const core::Assignment& assignment : scheduler_.Assign(passing_.Now(), displaced)) {
      const core::Attempt& attempt = *board_.Find(assignment.task);
      board_.Lease(assignment.task, assignment, scheduler_.InfoOf(assignment.worker).host_id(),
                   supplies_.SecretsFor(attempt));
      links_.Touch(assignment.worker);
      storage::LeaseRow row;
      row.number = assignment.lease;
      row.build = attempt.origin.build;
      row.stage = attempt.origin.stage;
      row.replica = attempt.origin.replica;
      row.worker = assignment.worker;
      row.task = attempt.task;
      row.granted_at = Now();
      loop_->Require(records_.InsertLease(row));
    }
  };
  std::vector<core::TaskId> displaced;
  grant(&displaced);
  for (const core::TaskId task : displaced) {
    core::Attempt ended = board_.End(task);
    Close(ended, "displaced");
    RunningBuild* build = ended.owner ? Find(ended.owner->build) : nullptr;
    if (build == nullptr) continue;
    build->state.Enter(Now());
    const core::StageRunId& run = *ended.owner;
    if (!ended.complete()) build->state.StepInterrupted(run.stage, run.replica, ended.step_index());
    Advance(run);
  }
  if (!displaced.empty()) grant(nullptr);
}

// Whoever joined the task wants it placed as its owner does (core/attempt_board.cc, PlacementFits), so all of
// them are told, and all of them fail.
void Engine::GiveUpUnplaceable() {
  const absl::Time now = passing_.Now();
  for (const core::UnplaceableTask& task : scheduler_.Unplaceable(now)) {
    for (const core::StageRunId& run : board_.Find(task.task)->Runs()) {
      RunningBuild* build = Find(run.build);
      const bool waits = task.since == absl::InfiniteFuture();
      if (build == nullptr || !build->noticed.emplace(task.task, waits).second) continue;
      build->state.Enter(Now());
      build->state.Notice(true, waits ? task.reason
                                      : fmt::format("{}; waiting {} for one", task.reason,
                                                    Sv(absl::FormatDuration(options_.unplaceable_grace))));
    }
    if (now - task.since < options_.unplaceable_grace) continue;
    core::Attempt ended = board_.End(task.task);
    Close(ended, "unplaceable");
    for (const core::StageRunId& run : ended.Runs()) {
      RunningBuild* build = Find(run.build);
      // It failed elsewhere, and whoever was to try it again went away.
      const std::string failure =
          build == nullptr || run.replica > 0 ? "" : build->state.stage(run.stage).failure;
      if (!failure.empty()) {
        FailRun(run, v1::BUILD_STATUS_FAILED, failure);
      } else {
        FailRun(run, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED, task.reason);
      }
    }
  }
}

void Engine::SendDesiredStates() {
  for (DueState& due : links_.TakeDue()) {
    auto sent = std::make_shared<WorkerMessage>();
    v1::SynchronizeResponse& message = sent->content;
    std::set<core::LeaseNumber> desired = scheduler_.LeasesOf(due.worker);
    for (core::LeaseNumber lease : desired) {
      v1::DesiredLease& row = *message.add_leases();
      row.set_lease(lease);
      const core::Attempt* attempt = board_.FindLease(lease);
      if (due.known.contains(lease) || attempt == nullptr) continue;
      *row.mutable_task() = attempt->task;
      for (v1::Secret& secret : board_.TakeSecrets(attempt->id)) *row.add_secrets() = std::move(secret);
    }
    links_.SetKnown(due.worker, std::move(desired));
    for (core::LeaseNumber lease : due.acknowledged) message.add_acknowledged(lease);
    loop_->AfterCommit([link = std::move(due.link), sent] { link->Send(sent->content); });
  }
}

void Engine::Conclude(RunningBuild& build) {
  for (int cell : build.state.CellsToFinish()) {
    build.state.MarkFinishing(cell);
    const double told = build.state.view().cells(cell).seconds();
    const double seconds = told > 0 ? told : build.SecondsUntil(Now());
    v1::CellView built =
        jobs_.ConcludeCell(build, cell, [this, id = build.id(), cell, seconds](v1::CellView view) {
          RunningBuild* build = Find(id);
          if (build == nullptr || build->concluding) return;
          build->packing.erase(cell);
          build->state.Enter(Now());
          view.set_seconds(seconds);
          loop_->Require(NoteOutvoted(records_, id, view.comparison()));
          build->state.CellFinished(view);
        });
    // A verdict needs the images; a restored build has told it before.
    if (build.state.replicas() > 0 || told > 0) continue;
    built.set_seconds(seconds);
    build.packing[cell] = {Now(), std::move(built)};
  }
  TellBuilt(build, Now());
  ExpectImage(build, images_);
  if (build.concluding || build.jobs > 0 || !build.state.AllCellsOver()) return;
  build.concluding = true;
  if (const auto [status, message] = EndOf(build.state.view()); status != v1::BUILD_STATUS_SUCCEEDED) {
    build.state.Finish(status, message, "");
    return;
  }
  jobs_.Assemble(build, [this, id = build.id()](const absl::StatusOr<std::string>& digest,
                                                v1::NeutralComparison neutral) {
    RunningBuild* build = Find(id);
    if (build == nullptr) return;
    build->state.Enter(Now());
    if (digest.ok()) {
      build->state.Finish(v1::BUILD_STATUS_SUCCEEDED, "", *digest, std::move(neutral));
    } else {
      // A name that is another's by now is what the build asked for; a layer that is gone is not.
      const bool refused = absl::IsPermissionDenied(digest.status());
      build->state.Finish(refused ? v1::BUILD_STATUS_FAILED : v1::BUILD_STATUS_INFRASTRUCTURE_FAILED,
                          Sv(digest.status().message()), "");
    }
  });
}

}  // namespace crossmill::coordinator
