// Engine: what workers report — connections, steps, logs, results, lost leases.
#include <algorithm>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/plan/step_key.h"
#include "common/plan/step_sources.h"
#include "common/words/platform.h"
#include "coordinator/core/console_packages.h"
#include "coordinator/core/package_outcomes.h"
#include "coordinator/engine/engine.h"

namespace crossmill::coordinator {
namespace {

constexpr int kLogPage = 100'000;

}  // namespace

void Engine::WorkerState(std::shared_ptr<WorkerLink> link, const v1::WorkerState& state) {
  loop_->Post([this, link = std::move(link), state] {
    const std::string& name = state.info().name();
    std::set<core::LeaseNumber> reported(state.leases().begin(), state.leases().end());
    const bool fresh = links_[name] != link;
    links_[name] = link;
    const auto kept = scheduler_.Connect(state.info(), reported, state.draining(), clock_.Now());
    // What the worker reported it has; everything else must be sent with its task.
    if (fresh) known_leases_[name] = kept;
    dirty_workers_.insert(name);
    const absl::Status saved = records_.SaveWorker(state.info(), Now());
    if (!saved.ok()) spdlog::error("worker={} {}", name, Sv(saved.message()));
    if (fresh) {
      spdlog::info("worker={} connected host={} slots={} leases={}", name, state.info().host_id(),
                   state.info().slots(), kept.size());
    }
  });
}

void Engine::WorkerHeartbeat(const std::string& worker) { scheduler_.Heartbeat(worker, clock_.Now()); }

void Engine::WorkerGone(const std::string& worker, const std::shared_ptr<WorkerLink>& link) {
  loop_->Post([this, worker, link] {
    auto it = links_.find(worker);
    if (it == links_.end() || it->second != link) return;
    links_.erase(it);
    known_leases_.erase(worker);
    scheduler_.Disconnect(worker, clock_.Now());
    spdlog::info("worker={} disconnected", worker);
  });
}

void Engine::WorkerReport(const std::string& worker, v1::LeaseReport report) {
  scheduler_.Heartbeat(worker, clock_.Now());
  loop_->Post([this, worker, report = std::move(report)] { OnReport(worker, report); });
}

void Engine::OnReport(const std::string& worker, const v1::LeaseReport& report) {
  const absl::Status held = scheduler_.Check(report.lease(), worker);
  auto lease = leases_.find(report.lease());
  if (!held.ok() || lease == leases_.end()) {
    // Fenced: somebody else has the task by now. The worker may forget the result.
    if (report.has_task_finished()) {
      acknowledged_[worker].push_back(report.lease());
      dirty_workers_.insert(worker);
    }
    return;
  }
  const core::TaskId task = lease->second;
  Attempt& attempt = attempts_.at(task);
  switch (report.report_case()) {
    case v1::LeaseReport::kStepStarted:
      OnStepStarted(attempt, report.step_started());
      break;
    case v1::LeaseReport::kLog:
      OnLog(attempt, report.log());
      break;
    case v1::LeaseReport::kStepFinished:
      OnStepFinished(attempt, report.step_finished());
      break;
    case v1::LeaseReport::kTaskFinished:
      acknowledged_[worker].push_back(report.lease());
      dirty_workers_.insert(worker);
      OnTaskFinished(task, report.task_finished());
      break;
    case v1::LeaseReport::REPORT_NOT_SET:
      break;
  }
}

void Engine::OnStepStarted(Attempt& attempt, const v1::StepStarted& started) {
  if (attempt.position >= attempt.task.steps_size() || attempt.execution != 0) return;
  const v1::Step& step = attempt.task.steps(attempt.position);
  if (step.number() != started.number()) return;
  storage::Execution row;
  row.key = attempt.key;
  row.build = attempt.origin.build;
  row.stage = attempt.origin.stage;
  row.step_number = step.number();
  row.replica = attempt.task.replica();
  row.lease = attempt.lease;
  row.worker = attempt.worker;
  for (const core::WorkerStatus& worker : scheduler_.Workers()) {
    if (worker.info.name() != attempt.worker) continue;
    row.host_id = worker.info.host_id();
    row.host_name = worker.info.host_name();
  }
  row.emulated = attempt.emulated && step.has_run();
  row.started_at = Now();
  auto id = records_.BeginExecution(row);
  if (!id.ok()) {
    spdlog::error("lease={} {}", attempt.lease, Sv(id.status().message()));
    return;
  }
  attempt.execution = *id;
  row.id = *id;
  if (!attempt.owner) return;
  if (Build* build = Find(attempt.owner->build)) {
    build->state.Enter(Now());
    build->state.StepStarted(attempt.owner->stage, attempt.owner->replica, attempt.indexes[attempt.position],
                             FactOf(row));
  }
}

void Engine::OnLog(Attempt& attempt, const v1::LogChunk& chunk) {
  if (attempt.execution == 0) return;
  const absl::Status written = logs_.Append(attempt.execution, chunk);
  if (!written.ok()) spdlog::error("execution={} {}", attempt.execution, Sv(written.message()));
  Watched watched;
  watched.execution = attempt.execution;
  watched.replica = attempt.task.replica();
  watched.offset = attempt.log_chunks++;
  watched.chunk = chunk;
  std::vector<Place> places;
  if (attempt.owner) places.push_back(*attempt.owner);
  auto inflight = inflight_.find(attempt.key);
  if (inflight != inflight_.end() && attempt.task.replica() == 0) {
    places.insert(places.end(), inflight->second.waiters.begin(), inflight->second.waiters.end());
  }
  // In the order of the batch: who begins to watch earlier in it was given what there was until then, and is
  // added by then.
  loop_->AfterCommit([this, places = std::move(places), watched = std::move(watched)]() mutable {
    for (const Place& place : places) {
      watched.stage = place.stage;
      watchers_.PublishLog(place.build, watched);
    }
  });
}

void Engine::RecordPackages(const Attempt& attempt, const v1::StepResult& result) {
  if (!attempt.task.steps(attempt.position).has_run()) return;
  // In the step's own transaction: a record of a step without its packages would stay that way.
  const auto chunks = logs_.Read(attempt.execution, 0, kLogPage);
  absl::Status status = chunks.status();
  if (status.ok()) {
    const std::vector<v1::DistInfo> infos(result.dist_infos().begin(), result.dist_infos().end());
    const auto packages = core::DerivePackages(core::SplitConsole(*chunks), infos, attempt.emulated);
    if (!packages.empty()) status = records_.SavePackages(attempt.execution, packages);
  }
  if (!status.ok()) spdlog::error("execution={} {}", attempt.execution, Sv(status.message()));
}

bool Engine::OnStepFinished(Attempt& attempt, const v1::StepResult& result) {
  if (attempt.position >= attempt.task.steps_size()) return false;
  const v1::Step& step = attempt.task.steps(attempt.position);
  if (step.number() != result.number()) return false;
  if (attempt.execution == 0) {
    v1::StepStarted started;
    started.set_number(result.number());
    OnStepStarted(attempt, started);
    if (attempt.execution == 0) return false;
  }
  const bool failed = result.exit_code() != 0 || !result.failure().empty();
  const core::TaskId task = attempt.id;
  if (!failed && !cache_.IsDurable(result.layer())) {
    OnLost(task, "the worker reported a layer that is not in the blob store");
    return false;
  }
  const absl::Status saved = records_.FinishExecution(attempt.execution, result, Now());
  auto row = saved.ok() ? records_.GetExecution(attempt.execution) : saved;
  if (!row.ok()) {
    OnLost(task, std::string(Sv(row.status().message())));
    return false;
  }
  const core::StepFact fact = FactOf(*row);
  RecordPackages(attempt, result);
  logs_.Close(attempt.execution).IgnoreError();  // reading opens it again

  const std::string key = attempt.key;
  const int index = attempt.indexes[attempt.position];
  attempt.chain.push_back(attempt.task.replica() == 0 || failed ? fact.layer : step.expected());
  ++attempt.position;
  std::vector<Place> waiters;
  auto inflight = inflight_.find(key);
  if (inflight != inflight_.end() && inflight->second.task == task) {
    waiters = std::move(inflight->second.waiters);
    inflight_.erase(inflight);
  }
  if (failed) {
    attempt.key.clear();
    attempt.execution = 0;
  } else {
    SetKey(attempt);
  }
  if (attempt.owner) {
    if (Build* build = Find(attempt.owner->build)) {
      build->state.Enter(Now());
      for (const std::string& warning : result.warnings()) {
        build->state.Notice(
            true, fmt::format("{}:{}: {}", step.range().file(), step.range().first_line(), warning));
      }
      if (failed) {
        FailStep(*build, *attempt.owner, index, fact);
      } else {
        build->state.StepFinished(attempt.owner->stage, attempt.owner->replica, index, fact,
                                  v1::STEP_EXECUTED);
      }
    }
  }
  Woken(std::move(waiters), fact);
  // Nobody may want the rest.
  auto still = attempts_.find(task);
  if (still == attempts_.end()) return false;
  if (still->second.owner) return true;
  auto next = inflight_.find(still->second.key);
  if (next != inflight_.end() && next->second.task == task && !next->second.waiters.empty()) return true;
  EndAttempt(task, "cancelled");
  return false;
}

void Engine::FailStep(Build& build, const Place& place, int index, const core::StepFact& fact) {
  build.state.StepFinished(place.stage, place.replica, index, fact, v1::STEP_FAILED);
  if (place.replica > 0) {
    core::ReplicaRun& run = build.state.replica(place.stage, place.replica);
    run.phase = core::Phase::kFailed;
    run.problem = fact.failure;
    return;
  }
  const v1::StagePlan& stage = build.state.plan().stages(place.stage);
  const v1::Step& step = stage.steps(index);
  // The attempt ends with its task_finished; the failure must not detach it before that.
  tasks_of_places_.erase(place);
  for (auto& [id, attempt] : attempts_) {
    if (attempt.owner == place) attempt.owner.reset();
  }
  Fail(build, place.stage, v1::FAILED,
       fmt::format("{}:{}: {} on {}: {}", step.range().file(), step.range().first_line(), step.instruction(),
                   FormatPlatform(stage.platform()), fact.failure));
}

void Engine::Woken(std::vector<Place> waiters, const core::StepFact& fact) {
  for (const Place& place : waiters) {
    Build* build = Find(place.build);
    if (build == nullptr) continue;
    build->state.Enter(Now());
    if (fact.exit_code != 0 || !fact.failure.empty()) {
      FailStep(*build, place, build->state.stage(place.stage).next, fact);
    } else {
      AdvanceStage(*build, place.stage);
    }
    AdvanceReady(*build);
  }
}

std::string Engine::ExportFailure(const Build& build, int stage, const v1::ExportResult& failed) const {
  for (const v1::StagePlan& consumer : build.state.plan().stages()) {
    for (const v1::Step& step : consumer.steps()) {
      for (const v1::CopySource* source : plan::SourcesOf(step)) {
        if (!source->has_export_() || static_cast<int>(source->export_().stage()) != stage ||
            source->export_().export_().pattern() != failed.export_().pattern()) {
          continue;
        }
        return fmt::format("{}:{}:{}: {} {}={} {}: {}", step.range().file(), step.range().first_line(),
                           std::max(step.range().column(), 1u), step.instruction(),
                           step.has_run() ? "--mount from" : "--from",
                           build.state.plan().stages(stage).name(), failed.export_().pattern(),
                           failed.failure());
      }
    }
  }
  return failed.failure();
}

void Engine::OnTaskFinished(core::TaskId task, const v1::TaskResult& result) {
  // Steps whose own reports were lost with a connection.
  for (const v1::StepResult& step : result.steps()) {
    auto it = attempts_.find(task);
    if (it == attempts_.end()) return;
    Attempt& attempt = it->second;
    if (attempt.position >= attempt.task.steps_size()) break;
    if (attempt.task.steps(attempt.position).number() != step.number()) continue;
    OnStepFinished(attempt, step);
  }
  auto it = attempts_.find(task);
  if (it == attempts_.end()) return;
  Attempt& attempt = it->second;
  if (result.outcome() == v1::TASK_OUTCOME_INFRASTRUCTURE || result.outcome() == v1::TASK_OUTCOME_CANCELLED) {
    OnLost(task, result.message().empty() ? "the worker gave the task up" : result.message());
    return;
  }
  std::string failure;
  const std::optional<Place> owner = attempt.owner;
  Build* build = owner ? Find(owner->build) : nullptr;
  if (result.outcome() == v1::TASK_OUTCOME_FAILED) failure = result.message();
  const std::vector<Digest> chain = core::DiffIds(attempt.chain);
  for (const v1::ExportResult& exported : result.exports()) {
    if (!exported.failure().empty()) {
      if (build != nullptr) failure = ExportFailure(*build, owner->stage, exported);
      continue;
    }
    const absl::Status saved =
        records_.SaveExport(plan::ExportKey(chain, exported.export_()), FromProto(exported.blob()));
    if (!saved.ok()) spdlog::error("task={} {}", attempt.task.name(), Sv(saved.message()));
  }
  const bool complete = attempt.position >= attempt.task.steps_size();
  EndAttempt(task, failure.empty() ? "succeeded" : "failed");
  if (build == nullptr) return;
  build->state.Enter(Now());
  if (owner->replica > 0) {
    AdvanceReplicas(*build, owner->stage);
  } else if (!failure.empty()) {
    Fail(*build, owner->stage, v1::FAILED, failure);
  } else if (!complete) {
    Fail(*build, owner->stage, v1::INFRASTRUCTURE_FAILED, "the worker finished its task without all results");
  } else {
    AdvanceStage(*build, owner->stage);
  }
  AdvanceReady(*build);
}

void Engine::OnLost(core::TaskId task, const std::string& reason) {
  auto it = attempts_.find(task);
  if (it == attempts_.end()) return;
  const Attempt attempt = it->second;
  std::vector<Place> places;
  auto inflight = inflight_.find(attempt.key);
  if (inflight != inflight_.end() && inflight->second.task == task) places = inflight->second.waiters;
  EndAttempt(task, "lost: " + reason);
  spdlog::warn("task={} lease={} worker={} lost: {}", attempt.task.name(), attempt.lease, attempt.worker,
               reason);
  if (attempt.owner) places.insert(places.begin(), *attempt.owner);
  for (const Place& place : places) {
    Build* build = Find(place.build);
    if (build == nullptr) continue;
    build->state.Enter(Now());
    const bool owns = attempt.owner == place;
    if (owns && attempt.position < static_cast<int>(attempt.indexes.size())) {
      build->state.StepInterrupted(place.stage, place.replica, attempt.indexes[attempt.position]);
    }
    int& failures = place.replica == 0
                        ? build->state.stage(place.stage).infrastructure_failures
                        : build->state.replica(place.stage, place.replica).infrastructure_failures;
    if (owns && ++failures >= options_.max_infrastructure_failures) {
      GiveUp(place,
             fmt::format("given up after {} infrastructure failures; the last one: {}", failures, reason));
    } else {
      if (owns) {
        build->state.Notice(true, fmt::format("{}: {}; it runs again", attempt.task.name(), reason));
      }
      if (place.replica == 0) {
        AdvanceStage(*build, place.stage);
      } else {
        AdvanceReplicas(*build, place.stage);
      }
    }
    AdvanceReady(*build);
  }
}

}  // namespace crossmill::coordinator
