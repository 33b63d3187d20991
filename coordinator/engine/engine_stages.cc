// Engine: how stages and replicas advance — walk the cache, join, begin, fail.
#include <algorithm>
#include <map>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/plan/step_key.h"
#include "common/words/platform.h"
#include "common/words/words.h"
#include "coordinator/core/step_history.h"
#include "coordinator/engine/client_mounts.h"
#include "coordinator/engine/engine.h"

namespace crossmill::coordinator {
namespace {

bool IsOver(core::Phase phase) {
  return phase == core::Phase::kDone || phase == core::Phase::kFailed || phase == core::Phase::kCancelled;
}

// Hosts and workers that a replica has to avoid: those of the witnesses there are.
void ExcludeWitnesses(RunningBuild& build, const core::StageRunId& run, storage::RecordStore& records,
                      core::Requirements* requirements) {
  const core::ReplicaRun& replica = build.state.replica(run.stage, run.replica);
  for (int i = replica.first; i <= replica.last; ++i) {
    const auto& fact = build.state.stage(run.stage).facts[i];
    if (!fact) continue;
    requirements->excluded_workers.insert(fact->worker);
    requirements->excluded_hosts.insert(fact->host_id);
    auto witnesses = records.Witnesses(fact->key, build.SinceOf(run.stage), build.submitted_at);
    if (!witnesses.ok()) continue;
    for (const storage::Execution& witness : *witnesses) {
      requirements->excluded_workers.insert(witness.worker);
      requirements->excluded_hosts.insert(witness.host_id);
    }
  }
}

// Those on which the first step of the task has failed since the build was submitted. Returns how many.
size_t ExcludeFailures(const RunningBuild& build, const core::StageRunId& run, const v1::Task& task,
                       storage::RecordStore& records, core::Requirements* requirements) {
  if (build.state.replicas() == 0 || task.steps().empty()) return 0;
  std::vector<Digest> parents;
  for (const v1::Layer& layer : task.parents()) parents.push_back(FromProto(layer.tar()));
  std::optional<int64_t> epoch;
  if (task.has_source_date_epoch()) epoch = task.source_date_epoch();
  const std::string key = plan::StepKey(task.platform(), parents, task.steps(0), epoch);
  const auto witnesses = records.Witnesses(key, build.SinceOf(run.stage), build.submitted_at);
  if (!witnesses.ok()) return 0;
  for (const storage::Execution& witness : *witnesses) {
    if (witness.succeeded()) continue;
    requirements->excluded_workers.insert(witness.worker);
    requirements->excluded_hosts.insert(witness.host_id);
  }
  return build.submission.options().allow_same_host() ? requirements->excluded_workers.size()
                                                      : requirements->excluded_hosts.size();
}

// The worker that made most bytes of what the stage's root file system consists of so far; empty where it is
// too little to matter.
std::string WorkerWithLayers(RunningBuild& build, int stage) {
  constexpr int64_t kWorthwhile = int64_t{1} << 20;
  std::map<std::string, int64_t> bytes;
  for (int i = stage; i >= 0;) {
    for (const auto& fact : build.state.stage(i).facts) {
      if (fact) bytes[fact->worker] += fact->content_bytes;
    }
    const v1::StagePlan& plan = build.state.plan().stages(i);
    i = plan.base_case() == v1::StagePlan::kBaseStage ? static_cast<int>(plan.base_stage()) : -1;
  }
  const auto most = std::max_element(bytes.begin(), bytes.end(), [](const auto& left, const auto& right) {
    return left.second < right.second;
  });
  return most == bytes.end() || most->second < kWorthwhile ? std::string() : most->first;
}

core::Requirements RequirementsOf(RunningBuild& build, const core::StageRunId& run, const v1::Task& task,
                                  storage::RecordStore& records, uint64_t* next_group) {
  core::Requirements requirements;
  requirements.platform = task.platform();
  requirements.neutral = std::none_of(task.steps().begin(), task.steps().end(),
                                      [](const v1::Step& step) { return step.has_run(); });
  requirements.forbid_emulation = build.forbids_emulation();
  requirements.description = fmt::format("{} on {}", StagePhrase(build.state.plan().stages(run.stage).name()),
                                         FormatPlatform(task.platform()));
  const auto past = [&](const std::string& shape, bool emulated) {
    const auto use = records.PastUse(shape, emulated);
    return use.ok() ? *use : std::nullopt;
  };
  const core::Forecast forecast = core::ForecastOf(task, past);
  requirements.use = forecast.use;
  requirements.emulated_time = forecast.emulated_time;
  const core::Spread spread =
      build.submission.options().allow_same_host() ? core::Spread::kWorkers : core::Spread::kHosts;
  if (run.replica == 0) {
    requirements.preferred_worker = WorkerWithLayers(build, run.stage);
    if (ExcludeFailures(build, run, task, records, &requirements) > 0) requirements.spread = spread;
    return requirements;
  }
  requirements.spread = spread;
  uint64_t& group = build.groups[run.stage];
  if (group == 0) group = (*next_group)++;
  requirements.group = group;
  ExcludeWitnesses(build, run, records, &requirements);
  return requirements;
}

bool CanTryElsewhere(RunningBuild& build, const core::StageRunId& run, int index,
                     storage::RecordStore& records, const core::Scheduler& scheduler, uint64_t* next_group) {
  if (run.replica > 0 || build.state.replicas() == 0 ||
      !build.state.plan().stages(run.stage).steps(index).has_run()) {
    return false;
  }
  const v1::Task task = build.state.MakeTask(run.stage, index);
  core::Requirements failed;
  const size_t places = ExcludeFailures(build, run, task, records, &failed);
  return places <= static_cast<size_t>(build.state.replicas()) &&
         scheduler.CanRun(RequirementsOf(build, run, task, records, next_group));
}

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
  attempt->execution = restored.execution;
  attempt->log_chunks = restored.log_chunks;
}

}  // namespace

void Engine::AdvanceReady(RunningBuild& build) {
  build.state.Enter(Now());
  bool moved = true;
  while (moved) {
    moved = false;
    for (int stage : build.state.ReadyStages()) {
      AdvanceStage(build, stage);
      moved = moved || build.state.stage(stage).phase != core::Phase::kBlocked;
    }
  }
}

void Engine::Advance(const core::StageRunId& run) {
  RunningBuild* build = Find(run.build);
  if (build == nullptr || build->concluding || !build->state.Wanted(run.stage)) return;
  build->state.Enter(Now());
  if (run.replica == 0) {
    AdvanceStage(*build, run.stage);
  } else {
    AdvanceReplicas(*build, run.stage);
  }
  AdvanceReady(*build);
}

void Engine::AdvanceStage(RunningBuild& build, int stage) {
  core::StageRun& run = build.state.stage(stage);
  const core::StageRunId id{build.id(), stage, 0};
  if (run.next == 0 && run.chain.empty()) run.chain = build.state.ChainBefore(stage, 0);
  const auto walked = walk_.First(build, stage, run.phase == core::Phase::kJoined);
  if (!walked.ok()) {
    FailRun(id, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED, std::string(Sv(walked.status().message())));
    return;
  }
  if (walked->done) {
    build.state.StageDone(stage);
    AdvanceReplicas(build, stage);
    return;
  }
  const core::Joiner joiner{id, build.SinceOf(stage), build.forbids_emulation()};
  if (!walked->key.empty() && board_.Join(walked->key, joiner, [&](const core::Attempt& attempt) {
        return supplies_.MayShare(attempt, build.id());
      })) {
    run.phase = core::Phase::kJoined;
    return;
  }
  Begin(build, id, walked->first);
}

void Engine::AdvanceReplicas(RunningBuild& build, int stage) {
  for (int replica = 1; replica <= build.state.replicas(); ++replica) {
    core::ReplicaRun& run = build.state.replica(stage, replica);
    const core::StageRunId id{build.id(), stage, replica};
    if (IsOver(run.phase)) continue;
    // One after the other: the next has to avoid the hosts of those before it.
    if (board_.IsPresent(id)) return;
    const auto walked = walk_.Replica(build, stage, replica);
    if (!walked.ok()) {
      run.phase = core::Phase::kFailed;
      run.problem = std::string(Sv(walked.status().message()));
    } else if (walked->done) {
      run.phase = core::Phase::kDone;
    } else {
      Begin(build, id, walked->first);
      return;
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
    attempt.task = build.state.MakeTask(run.stage, first);
    last = build.state.plan().stages(run.stage).steps_size() - 1;
    phase = &build.state.stage(run.stage).phase;
  } else {
    core::ReplicaRun& replica = build.state.replica(run.stage, run.replica);
    attempt.task = build.state.MakeReplicaTask(run.stage, run.replica);
    last = replica.last;
    phase = &replica.phase;
  }
  *phase = core::Phase::kQueued;
  const v1::StagePlan& plan = build.state.plan().stages(run.stage);
  for (int i = first; i <= last; ++i) {
    if (core::HasAction(plan.steps(i))) attempt.indexes.push_back(i);
  }
  attempt.chain.assign(attempt.task.parents().begin(), attempt.task.parents().end());
  attempt.requirements = RequirementsOf(build, run, attempt.task, records_, &next_group_);
  attempt.needs_client = !ClientMountsOf(attempt.task).empty();
  const core::Requirements requirements = attempt.requirements;
  if (auto restored = board_.TakeRestored(run)) {
    // The worker's until the time-out.
    TakeUp(*std::move(restored), first, &attempt);
    const core::LeaseNumber lease = attempt.lease;
    const std::string worker = attempt.worker;
    scheduler_.Restore(lease, board_.Begin(std::move(attempt)), requirements, worker, clock_.Now());
    return;
  }
  const bool held = attempt.needs_client && !supplies_.Missing(run.build, attempt.task).empty();
  if (held) attempt.held_since = clock_.Now();
  const core::TaskId task = board_.Begin(std::move(attempt));
  if (!held) scheduler_.Enqueue(task, requirements, clock_.Now());
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
}

void Engine::LeaveUnwanted(RunningBuild& build) {
  for (int stage = 0; stage < build.state.stage_count(); ++stage) {
    if (build.state.Wanted(stage)) continue;
    for (int replica = 1; replica <= build.state.replicas(); ++replica) {
      board_.Leave({build.id(), stage, replica});
      core::Phase& phase = build.state.replica(stage, replica).phase;
      if (!IsOver(phase)) phase = core::Phase::kCancelled;
    }
    board_.Leave({build.id(), stage, 0});
    if (!IsOver(build.state.stage(stage).phase)) build.state.StageCancelled(stage);
  }
}

void Engine::FailRun(const core::StageRunId& run, v1::BuildStatus status, const std::string& message,
                     const FailedStep* step) {
  RunningBuild* build = Find(run.build);
  if (build == nullptr) return;
  build->state.Enter(Now());
  if (step != nullptr && CanTryElsewhere(*build, run, step->index, records_, scheduler_, &next_group_)) {
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
    AdvanceReplicas(*build, run.stage);
    return;
  }
  LogInfo("build={} stage={} failed: {}", run.build, run.stage, message);
  build->state.StageFailed(run.stage, status, message);
  LeaveUnwanted(*build);
}

}  // namespace crossmill::coordinator
