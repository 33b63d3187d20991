// Engine: how stages and replicas advance — walk the cache, join, queue, give up.
#include <algorithm>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/plan/step_key.h"
#include "common/words/platform.h"
#include "coordinator/core/build_view.h"
#include "coordinator/engine/client_mounts.h"
#include "coordinator/engine/engine.h"

namespace crossmill::coordinator {
namespace {

bool HasAction(const v1::Step& step) { return step.action_case() != v1::Step::ACTION_NOT_SET; }

std::optional<int64_t> EpochOf(const v1::BuildPlan& plan) {
  if (plan.keep_times()) return std::nullopt;
  return plan.epoch();
}

}  // namespace

void Engine::AdvanceReady(Build& build) {
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

void Engine::AdvanceStage(Build& build, int stage) {
  core::StageRun& run = build.state.stage(stage);
  if (run.next == 0 && run.chain.empty()) run.chain = build.state.ChainBefore(stage, 0);
  if (!WalkSteps(build, stage) || !WalkExports(build, stage)) return;
  build.state.StageDone(stage);
  AdvanceReplicas(build, stage);
}

bool Engine::WalkSteps(Build& build, int stage) {
  core::StageRun& run = build.state.stage(stage);
  const v1::StagePlan& plan = build.state.plan().stages(stage);
  const bool joined = run.phase == core::Phase::kJoined;
  while (run.next < plan.steps_size()) {
    if (!HasAction(plan.steps(run.next))) {
      ++run.next;
      continue;
    }
    const int index = run.next;
    const std::string key = plan::StepKey(plan.platform(), core::DiffIds(run.chain),
                                          build.state.ResolveStep(stage, index), EpochOf(build.state.plan()));
    auto hit = cache_.Find(key, build.SinceOf(stage), build.submission.options().forbid_emulation());
    if (!hit.ok()) {
      Fail(build, stage, v1::INFRASTRUCTURE_FAILED, std::string(Sv(hit.status().message())));
      return false;
    }
    if (*hit) {
      const v1::StepStatus status = (*hit)->build == build.state.id() ? v1::STEP_EXECUTED
                                    : joined                          ? v1::STEP_SHARED
                                                                      : v1::STEP_CACHED;
      build.state.StepFinished(stage, 0, index, (*hit)->fact, status);
      continue;
    }
    auto inflight = inflight_.find(key);
    if (inflight != inflight_.end() && attempts_.at(inflight->second.task).begun_at >= build.SinceOf(stage) &&
        MayJoin(attempts_.at(inflight->second.task), build.state.id())) {
      inflight->second.waiters.push_back(Place{build.state.id(), stage, 0});
      run.phase = core::Phase::kJoined;
      return false;
    }
    Enqueue(build, Place{build.state.id(), stage, 0}, index);
    return false;
  }
  return true;
}

bool Engine::WalkExports(Build& build, int stage) {
  core::StageRun& run = build.state.stage(stage);
  const v1::StagePlan& plan = build.state.plan().stages(stage);
  bool complete = true;
  for (int i = 0; i < plan.exports_size(); ++i) {
    auto blob = cache_.FindExport(plan::ExportKey(core::DiffIds(run.chain), plan.exports(i)));
    if (!blob.ok()) {
      Fail(build, stage, v1::INFRASTRUCTURE_FAILED, std::string(Sv(blob.status().message())));
      return false;
    }
    run.exports[i] = *blob;
    complete = complete && blob->has_value();
  }
  if (!complete) Enqueue(build, Place{build.state.id(), stage, 0}, plan.steps_size());
  return complete;
}

void Engine::AdvanceReplicas(Build& build, int stage) {
  for (int replica = 1; replica <= build.state.replicas(); ++replica) {
    const core::Phase phase = build.state.replica(stage, replica).phase;
    if (phase == core::Phase::kDone || phase == core::Phase::kFailed || phase == core::Phase::kCancelled)
      continue;
    // One after the other: the next has to avoid the hosts of those before it.
    if (!AdvanceReplica(build, stage, replica)) return;
  }
}

bool Engine::AdvanceReplica(Build& build, int stage, int replica) {
  core::ReplicaRun& run = build.state.replica(stage, replica);
  const core::StageRun& first = build.state.stage(stage);
  const bool by_worker = build.submission.options().allow_same_host();
  run.first = -1;
  run.last = -1;
  for (int i = 0; i < static_cast<int>(first.facts.size()); ++i) {
    if (!first.facts[i]) continue;
    auto witnesses = records_.Witnesses(first.facts[i]->key, build.SinceOf(stage));
    if (!witnesses.ok()) {
      run.phase = core::Phase::kFailed;
      run.problem = std::string(Sv(witnesses.status().message()));
      return true;
    }
    std::set<std::string> seen = {by_worker ? first.facts[i]->worker : first.facts[i]->host_id};
    const storage::Execution* mine = nullptr;
    for (const storage::Execution& witness : *witnesses) {
      if (build.submission.options().forbid_emulation() && witness.emulated) continue;
      if (seen.insert(by_worker ? witness.worker : witness.host_id).second &&
          static_cast<int>(seen.size()) == replica + 1) {
        mine = &witness;
      }
    }
    if (mine != nullptr) {
      const v1::StepStatus status = !mine->succeeded()                ? v1::STEP_FAILED
                                    : mine->build == build.state.id() ? v1::STEP_EXECUTED
                                                                      : v1::STEP_CACHED;
      build.state.StepFinished(stage, replica, i, FactOf(*mine), status);
      continue;
    }
    if (run.first < 0) run.first = i;
    run.last = i;
  }
  if (run.first < 0) {
    run.phase = core::Phase::kDone;
    return true;
  }
  Enqueue(build, Place{build.state.id(), stage, replica}, run.first);
  return false;
}

void Engine::SetKey(Attempt& attempt) {
  attempt.key.clear();
  attempt.execution = 0;
  attempt.log_chunks = 0;
  if (attempt.position >= attempt.task.steps_size()) return;
  std::optional<int64_t> epoch;
  if (attempt.task.has_source_date_epoch()) epoch = attempt.task.source_date_epoch();
  attempt.key = plan::StepKey(attempt.task.platform(), core::DiffIds(attempt.chain),
                              attempt.task.steps(attempt.position), epoch);
  if (attempt.task.replica() == 0) inflight_.emplace(attempt.key, Inflight{attempt.id, {}});
}

core::Requirements Engine::RequirementsOf(Build& build, const Place& place, const v1::Task& task) {
  core::Requirements requirements;
  requirements.platform = task.platform();
  requirements.neutral = std::none_of(task.steps().begin(), task.steps().end(),
                                      [](const v1::Step& step) { return step.has_run(); });
  requirements.forbid_emulation = build.submission.options().forbid_emulation();
  requirements.description = fmt::format("stage {} on {}", build.state.plan().stages(place.stage).name(),
                                         FormatPlatform(task.platform()));
  if (place.replica == 0) return requirements;
  const bool by_worker = build.submission.options().allow_same_host();
  requirements.spread = by_worker ? core::Spread::kWorkers : core::Spread::kHosts;
  uint64_t& group = build.groups[place.stage];
  if (group == 0) group = next_group_++;
  requirements.group = group;
  const core::ReplicaRun& run = build.state.replica(place.stage, place.replica);
  for (int i = run.first; i <= run.last; ++i) {
    const auto& fact = build.state.stage(place.stage).facts[i];
    if (!fact) continue;
    requirements.excluded_workers.insert(fact->worker);
    requirements.excluded_hosts.insert(fact->host_id);
    auto witnesses = records_.Witnesses(fact->key, build.SinceOf(place.stage));
    if (!witnesses.ok()) continue;
    for (const storage::Execution& witness : *witnesses) {
      requirements.excluded_workers.insert(witness.worker);
      requirements.excluded_hosts.insert(witness.host_id);
    }
  }
  return requirements;
}

void Engine::Enqueue(Build& build, Place place, int first) {
  Attempt attempt;
  attempt.id = next_task_++;
  attempt.owner = place;
  attempt.origin = place;
  attempt.begun_at = Now();
  attempt.task = place.replica == 0 ? build.state.MakeTask(place.stage, first)
                                    : build.state.MakeReplicaTask(place.stage, place.replica);
  const v1::StagePlan& plan = build.state.plan().stages(place.stage);
  const int last =
      place.replica == 0 ? plan.steps_size() - 1 : build.state.replica(place.stage, place.replica).last;
  for (int i = first; i <= last; ++i) {
    if (HasAction(plan.steps(i))) attempt.indexes.push_back(i);
  }
  attempt.chain.assign(attempt.task.parents().begin(), attempt.task.parents().end());
  const core::TaskId id = attempt.id;
  core::Requirements requirements = RequirementsOf(build, place, attempt.task);
  if (place.replica == 0) {
    build.state.stage(place.stage).phase = core::Phase::kQueued;
  } else {
    build.state.replica(place.stage, place.replica).phase = core::Phase::kQueued;
  }
  tasks_of_places_[place] = id;
  Attempt& stored = attempts_[id] = std::move(attempt);
  auto restored = restored_.find(place);
  if (restored == restored_.end()) {
    SetKey(stored);
    if (MissingFromClient(place, stored.task).empty()) {
      scheduler_.Enqueue(id, std::move(requirements), clock_.Now());
    } else {
      held_[id] = Held{std::move(requirements), Now()};
    }
    return;
  }
  // The lease was active when the coordinator stopped: it is the worker's until the time-out.
  const storage::LeaseRow row = std::move(restored->second);
  restored_.erase(restored);
  stored.task = row.task;
  stored.begun_at = row.granted_at;
  stored.indexes.clear();
  stored.position = 0;
  for (const v1::Step& step : row.task.steps()) {
    const int index = static_cast<int>(step.number()) - 2;
    if (index < first) ++stored.position;
    stored.indexes.push_back(index);
  }
  stored.lease = row.number;
  stored.worker = row.worker;
  SetKey(stored);
  auto execution = restored_executions_.find(row.number);
  if (execution != restored_executions_.end()) {
    stored.execution = execution->second;
    // Console offsets go on: clients deduplicate by them.
    stored.log_chunks = logs_.ChunkCount(stored.execution).value_or(0);
  }
  leases_[row.number] = id;
  scheduler_.Restore(row.number, id, std::move(requirements), row.worker, clock_.Now());
}

void Engine::EndAttempt(core::TaskId task, const std::string& outcome) {
  auto it = attempts_.find(task);
  if (it == attempts_.end()) return;
  Attempt& attempt = it->second;
  if (attempt.execution != 0) {
    records_.AbandonExecution(attempt.execution).IgnoreError();  // finished ones stay
    logs_.Close(attempt.execution).IgnoreError();
  }
  if (attempt.lease != 0) {
    absl::Status ended = records_.EndLease(attempt.lease, outcome);
    if (!ended.ok()) spdlog::warn("lease={} {}", attempt.lease, Sv(ended.message()));
    leases_.erase(attempt.lease);
    dirty_workers_.insert(attempt.worker);
  }
  auto inflight = inflight_.find(attempt.key);
  if (inflight != inflight_.end() && inflight->second.task == task) inflight_.erase(inflight);
  if (attempt.owner) tasks_of_places_.erase(*attempt.owner);
  scheduler_.Remove(task);
  held_.erase(task);
  for (v1::Secret& secret : attempt.secrets) Wipe(&secret);
  attempts_.erase(it);
}

void Engine::Detach(const Place& place) {
  for (auto& [key, inflight] : inflight_) std::erase(inflight.waiters, place);
  auto found = tasks_of_places_.find(place);
  if (found == tasks_of_places_.end()) return;
  const core::TaskId task = found->second;
  Attempt& attempt = attempts_.at(task);
  auto inflight = inflight_.find(attempt.key);
  const bool joined =
      inflight != inflight_.end() && inflight->second.task == task && !inflight->second.waiters.empty();
  if (!joined) {
    EndAttempt(task, "cancelled");
    return;
  }
  attempt.owner.reset();
  tasks_of_places_.erase(found);
  // Without a lease it would have to be given somebody else's secrets.
  if (attempt.lease == 0 && !ClientMountsOf(attempt.task).empty()) EndOrphan(task);
}

void Engine::DetachUnwanted(Build& build) {
  for (int stage = 0; stage < build.state.stage_count(); ++stage) {
    if (build.state.Wanted(stage)) continue;
    const core::Phase phase = build.state.stage(stage).phase;
    Detach(Place{build.state.id(), stage, 0});
    for (int replica = 1; replica <= build.state.replicas(); ++replica) {
      Detach(Place{build.state.id(), stage, replica});
      core::ReplicaRun& run = build.state.replica(stage, replica);
      if (run.phase != core::Phase::kDone && run.phase != core::Phase::kFailed)
        run.phase = core::Phase::kCancelled;
    }
    if (phase != core::Phase::kDone && phase != core::Phase::kFailed && phase != core::Phase::kCancelled) {
      build.state.StageCancelled(stage);
    }
  }
}

void Engine::Fail(Build& build, int stage, v1::BuildStatus status, const std::string& message) {
  spdlog::info("build={} stage={} failed: {}", build.state.id(), stage, message);
  build.state.StageFailed(stage, status, message);
  DetachUnwanted(build);
}

}  // namespace crossmill::coordinator
