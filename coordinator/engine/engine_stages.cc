// Engine: how stages and replicas advance — walk the cache, join, begin, fail.
#include <algorithm>
#include <chrono>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"
#include "coordinator/core/replica_release.h"
#include "coordinator/engine/client_mounts.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/leases/restored_leases.h"
#include "coordinator/engine/leases/unwanted_runs.h"
#include "coordinator/engine/trust/acceleration_reports.h"

namespace crossmill::coordinator {
namespace {

// The attempt that a worker still executes under a lease from before a restart. Its task may begin before the
// step `first` that is missing now: what came in between is finished.
void TakeUp(core::RestoredLease restored, int first, core::Attempt* attempt) {
  attempt->task = std::move(restored.task);
  attempt->begun_at = restored.granted_at;
  attempt->indexes.clear();
  for (const v1::Step& step : attempt->task.steps()) {
    const int index = static_cast<int>(step.number()) - 2;
    if (index < first) ++attempt->position;
    attempt->indexes.push_back(index);
  }
  attempt->lease = restored.lease;
  attempt->worker = std::move(restored.worker);
  // Another build may have executed the step that was running, so that this one is at a later step by now:
  // what it reports of that must not be recorded as the result of the former.
  if (restored.execution == 0 || attempt->complete() || attempt->step().number() != restored.execution_step)
    return;
  attempt->execution = restored.execution;
  attempt->log_chunks = restored.log_chunks;
}

}  // namespace

void Engine::AdvanceReady(RunningBuild& build, bool whole) {
  build.state.Enter(Now());
  const auto enough = std::chrono::steady_clock::now() + options_.advance_slice;
  bool moved = true;
  while (moved) {
    moved = false;
    for (int stage : build.state.ReadyStages()) {
      AdvanceStage(build, stage);
      moved = moved || build.state.stage(stage).phase != core::Phase::kBlocked;
      if (whole || std::chrono::steady_clock::now() < enough) continue;
      // The rest in events of their own, so that others are served in between.
      if (std::exchange(build.advances_later, true)) return;
      return loop_->Post(
          [this, id = build.id()] {
            RunningBuild* found = Find(id);
            if (found == nullptr) return;
            found->advances_later = false;
            if (!found->concluding) AdvanceReady(*found);
          },
          "advance");
    }
  }
}

void Engine::Advance(const core::StageRunId& run) {
  RunningBuild* build = Find(run.build);
  if (build == nullptr || build->concluding || !build->state.Wanted(run.stage)) return;
  build->state.Enter(Now());
  if (run.replica == 0) {
    // Who waited for what was lost may have begun anew already.
    if (!board_.IsPresent(run)) AdvanceStage(*build, run.stage);
  } else {
    AdvanceReplicas(run);
  }
  AdvanceReady(*build);
}

void Engine::AdvanceStage(RunningBuild& build, int stage) {
  core::StageRun& run = build.state.stage(stage);
  const core::StageRunId id{build.id(), stage, 0};
  // What it needs is made again.
  if (run.missing > 0) {
    run.phase = core::Phase::kBlocked;
    return;
  }
  if (run.next == 0 && run.chain.empty()) run.chain = build.state.ChainBefore(stage, 0);
  const auto walked = walk_.First(build, stage, run.phase == core::Phase::kJoined);
  if (!walked.ok()) {
    FailRun(id, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED, std::string(Sv(walked.status().message())));
    return;
  }
  if (walked->done) {
    build.state.StageDone(stage);
    AdvanceReplicas(id);
    return;
  }
  core::Joiner joiner{id, build.SinceOf(stage), build.forbids_emulation()};
  joiner.forbid_acceleration = build.forbids_acceleration();
  joiner.avoid = placing_.FailuresOf(build, stage, walked->key);
  joiner.spread = placing_.SpreadOf(build, joiner.avoid);
  if (!walked->key.empty() && board_.Join(walked->key, joiner, [&](const core::Attempt& attempt) {
        return supplies_.MayShare(attempt, build.id());
      })) {
    run.phase = core::Phase::kJoined;
  } else if (!board_.IsExpected(id) && ahead_.Hold(build.state, stage, walked->first)) {
    run.phase = core::Phase::kQueued;  // what a worker executes already has no use for wheels
  } else {
    Begin(build, id, walked->first);
  }
  AdvanceReplicas(id);
}

void Engine::AdvanceReplicas(const core::StageRunId& of) {
  RunningBuild* found = Find(of.build);
  if (found == nullptr || found->concluding || found->state.replicas() == 0 ||
      !found->state.Wanted(of.stage)) {
    return;
  }
  RunningBuild& build = *found;
  const int stage = of.stage;
  const bool is_over = build.state.stage(stage).phase == core::Phase::kDone;
  const core::Attempt* first = is_over ? nullptr : board_.FindOf({build.id(), stage, 0});
  // A replica of what a set made is told so, to say whose fault a difference is: it begins when that is
  // known, and not beside the first.
  const bool first_to_end = first != nullptr && first->lease != 0 && !first->complete() && first->emulated &&
                            MayBeAccelerated(first->task, first->step(), scheduler_.InfoOf(first->worker));
  const std::optional<core::StepUnderWay> under_way =
      first_to_end ? std::nullopt : core::ReleasedStep(build.state, stage, first);
  for (int replica = 1; replica <= build.state.replicas(); ++replica) {
    core::ReplicaRun& run = build.state.replica(stage, replica);
    const core::StageRunId id{build.id(), stage, replica};
    if (IsOver(run.phase)) continue;
    if (const core::Attempt* attempt = board_.FindOf(id)) {
      if (attempt->lease != 0) {
        if (is_over) scheduler_.Settle(attempt->id);
        continue;
      }
      if (!attempt->requirements.spare) {
        // While replicas run they are kept apart by their group. When one has ended, the record has its
        // witnesses, and those that still wait must not go there.
        const core::Places places = placing_.WitnessesOf(build, id);
        scheduler_.Avoid(attempt->id, places);
        board_.Avoid(attempt->id, places);
        continue;
      }
      // Queued while the first was at another step, or elsewhere.
      core::Attempt outdated = board_.End(attempt->id);
      Close(outdated, "outdated");
    }
    const auto walked = walk_.Replica(build, stage, replica, under_way);
    if (!walked.ok()) {
      run.phase = core::Phase::kFailed;
      run.problem = std::string(Sv(walked.status().message()));
    } else if (!walked->done) {
      Begin(build, id, walked->first);
    } else {
      run.phase = is_over ? core::Phase::kDone : core::Phase::kBlocked;
      // What its worker still executes from before a restart nobody can take up: the step is repeated.
      if (auto restored = board_.TakeRestored(id)) Supersede(*restored, records_);
    }
  }
}

void Engine::Begin(RunningBuild& build, const core::StageRunId& run, int first) {
  core::Attempt attempt;
  attempt.owner = run;
  attempt.origin = run;
  attempt.begun_at = Now();
  core::Phase* phase;
  int last;
  if (run.replica == 0) {
    last = ahead_.LastStep(build.state, run.stage, first);
    attempt.task = build.state.MakeTask(run.stage, first, last);
    for (v1::FarmWheel& wheel : ahead_.WheelsFor(run.build, run.stage, first)) {
      *attempt.task.mutable_steps(0)->mutable_run()->add_farm_wheels() = std::move(wheel);
    }
    phase = &build.state.stage(run.stage).phase;
  } else {
    core::ReplicaRun& replica = build.state.replica(run.stage, run.replica);
    attempt.task = build.state.MakeReplicaTask(run.stage, run.replica);
    last = replica.last;
    phase = &replica.phase;
  }
  if (options_.accelerators != nullptr) {
    for (std::string& digest : options_.accelerators->Digests())
      attempt.task.add_accelerators_off(std::move(digest));
  }
  *phase = core::Phase::kQueued;
  const v1::StagePlan& plan = build.state.plan().stages(run.stage);
  for (int i = first; i <= last; ++i) {
    if (core::HasAction(plan.steps(i))) attempt.indexes.push_back(i);
  }
  attempt.chain.assign(attempt.task.parents().begin(), attempt.task.parents().end());
  attempt.requirements = placing_.RequirementsOf(build, run, attempt.task, attempt.begun_at);
  attempt.needs_client = !ClientMountsOf(attempt.task).empty();
  // Not the attempt's own: whoever waits for the step waits for it wherever it runs, also after it was lost
  // somewhere.
  core::Requirements requirements = attempt.requirements;
  placing_.KeepAway(build, run, scheduler_, &requirements);
  auto restored = board_.TakeRestored(run);
  if (restored && !IsStillAsked(*restored, build.state, run, first, records_)) {
    LogWarning(
        "build={} task={} lease={} worker={} superseded: what it stands on is not what the step needs now",
        run.build, attempt.task.name(), restored->lease, restored->worker);
    Supersede(*restored, records_);
    restored.reset();
  }
  if (restored) {
    // The worker's until the time-out.
    const int64_t execution = restored->execution;
    TakeUp(*std::move(restored), first, &attempt);
    if (execution != 0 && attempt.execution == 0) records_.AbandonExecution(execution).IgnoreError();
    attempt.host = scheduler_.InfoOf(attempt.worker).host_id();
    const core::LeaseNumber lease = attempt.lease;
    const std::string worker = attempt.worker;
    scheduler_.Restore(lease, board_.Begin(std::move(attempt)), requirements, worker, passing_.Now());
    return;
  }
  const bool held = attempt.needs_client && !supplies_.Missing(run.build, attempt.task).empty();
  if (held) attempt.held_since = passing_.Now();
  const core::TaskId task = board_.Begin(std::move(attempt));
  if (!held) scheduler_.Enqueue(task, requirements, passing_.Now());
}

void Engine::Close(core::Attempt& ended, const std::string& outcome) {
  if (ended.execution != 0) {
    records_.AbandonExecution(ended.execution).IgnoreError();  // finished ones stay
    logs_.Close(ended.execution).IgnoreError();
    packages_.Forget(ended.execution);
  }
  if (ended.lease != 0) {
    absl::Status recorded = records_.EndLease(ended.lease, outcome);
    if (!recorded.ok()) LogWarning("lease={} {}", ended.lease, Sv(recorded.message()));
    links_.Touch(ended.worker);
  }
  scheduler_.Remove(ended.id);
  if (ended.lease != 0) gate_.Drop(ended.lease);
}

void Engine::FailRun(const core::StageRunId& run, v1::BuildStatus status, const std::string& message,
                     const FailedStep* step) {
  RunningBuild* build = Find(run.build);
  if (build == nullptr) return;
  build->state.Enter(Now());
  if (step != nullptr && placing_.CanTryElsewhere(*build, run, step->index, step->fact.key, scheduler_)) {
    build->state.stage(run.stage).failure = message;
    build->state.StepInterrupted(run.stage, 0, step->index);
    const bool by_worker = build->submission.options().allow_same_host();
    build->state.Notice(true, fmt::format("{} on {}; {} tries it", message, step->fact.worker,
                                          by_worker ? "another worker" : "another host"));
    AdvanceStage(*build, run.stage);
    return;
  }
  if (step != nullptr) {
    build->state.StepFinished(run.stage, run.replica, step->index, step->fact, v1::STEP_STATUS_FAILED);
  }
  if (run.replica > 0) {
    core::ReplicaRun& replica = build->state.replica(run.stage, run.replica);
    replica.phase = core::Phase::kFailed;
    replica.problem = message;
    AdvanceReplicas(run);
    return;
  }
  const v1::StagePlan& stage = build->state.plan().stages(run.stage);
  LogInfo("build={} stage={} platform={} failed: {}", run.build, stage.name(),
          FormatPlatform(stage.platform()), message);
  build->state.StageFailed(run.stage, status, message);
  LeaveUnwanted(*build, board_);
}

}  // namespace crossmill::coordinator
