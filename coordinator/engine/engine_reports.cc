// Engine: what workers report — connections, steps, logs, results, lost leases.
#include <algorithm>
#include <set>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/packages/package_outcomes.h"
#include "common/plan/plan_graph.h"
#include "common/plan/step_key.h"
#include "common/plan/step_sources.h"
#include "common/words/platform.h"
#include "coordinator/conclusion/recorded_executions.h"
#include "coordinator/core/step_history.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/leases/lost_layers.h"
#include "coordinator/engine/trust/acceleration_reports.h"

namespace crossmill::coordinator {
namespace {

// The failure of an export, at the instruction that asks for it.
std::string ExportFailure(const RunningBuild& build, int stage, const v1::ExportResult& failed) {
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

std::string FailureAt(const v1::StagePlan& stage, const v1::Step& step, const core::StepFact& fact) {
  return fmt::format("{}:{}: {} on {}: {}", step.range().file(), step.range().first_line(),
                     step.instruction(), FormatPlatform(stage.platform()), fact.failure);
}

// A layer that is not there may have been lost here, and damage is this machine's: neither says that the
// worker made something up.
std::string WhyNotBelieved(const std::string& worker, const absl::Status& truth) {
  if (absl::IsNotFound(truth))
    return fmt::format("the worker reported a layer that is not in the blob store: {}", Sv(truth.message()));
  if (absl::IsInvalidArgument(truth))
    return fmt::format("worker {} reported what is not so: {}", worker, Sv(truth.message()));
  return fmt::format("what the worker reported cannot be read: {}", Sv(truth.message()));
}

}  // namespace

void Engine::WorkerState(std::shared_ptr<WorkerLink> link, const v1::WorkerState& state) {
  loop_->Post(
      [this, link = std::move(link), state] {
        const std::string& name = state.info().name();
        const std::set<core::LeaseNumber> reported(state.leases().begin(), state.leases().end());
        const auto kept = scheduler_.Connect(state.info(), reported, state.draining(), passing_.Now());
        loop_->Require(records_.SaveWorker(state.info(), Now()));
        ahead_.Know(state.info());
        if (links_.Connect(name, link, kept)) {
          LogInfo("worker={} connected host={} slots={} leases={}", name, state.info().host_id(),
                  state.info().slots(), kept.size());
        }
      },
      "worker");
}

void Engine::WorkerHeartbeat(const std::string& worker, const v1::HostLoad* load) {
  scheduler_.Heartbeat(worker, passing_.Now());
  if (load == nullptr) return;
  std::optional<absl::Duration> clock_ahead;
  if (load->clock() > 0) clock_ahead = absl::FromUnixNanos(load->clock()) - absl::FromUnixNanos(Now());
  scheduler_.Report(worker, *load, passing_.Now(), clock_ahead);
  health_.ReportSpace(worker, load->free_space(), load->least_space());
}

void Engine::WorkerGone(const std::string& worker, const std::shared_ptr<WorkerLink>& link) {
  loop_->Post(
      [this, worker, link] {
        if (!links_.Disconnect(worker, link)) return;
        scheduler_.Disconnect(worker, passing_.Now());
        LogInfo("worker={} disconnected", worker);
      },
      "worker");
}

bool Engine::WorkerReport(const std::string& worker, v1::LeaseReport report, std::function<void()> later) {
  scheduler_.Heartbeat(worker, passing_.Now());
  auto place = room_.Enter(worker, report.ByteSizeLong());
  loop_->Post(
      [this, worker, report = std::move(report), place = std::move(place)]() mutable {
        // What is fenced is not worth reading.
        if (scheduler_.Check(report.lease(), worker).ok()) {
          gate_.Take(worker, std::move(report), std::move(place));
        } else {
          OnReport(worker, report, absl::OkStatus());
        }
      },
      "report");
  return later == nullptr || room_.HasRoom(worker, std::move(later));
}

void Engine::OnReport(const std::string& worker, const v1::LeaseReport& report, const absl::Status& truth) {
  // Whatever becomes of it, the worker may forget the result.
  if (report.has_task_finished()) links_.Acknowledge(worker, report.lease());
  const core::Attempt* attempt = board_.FindLease(report.lease());
  // Fenced: somebody else has the task by now.
  if (attempt == nullptr || !scheduler_.Check(report.lease(), worker).ok()) return;
  // Its leases are lost at the next look (core::Scheduler::Expire).
  const core::DrainedWorkers* workers = options_.scheduler.drained;
  if (workers != nullptr && workers->IsDistrusted(worker)) return;
  if (!truth.ok()) {
    if (absl::IsInvalidArgument(truth)) {
      loop_->Require(trust_.CountUntrue(worker, Sv(truth.message()), Now()));
      if (options_.on_untrue_report) options_.on_untrue_report(worker, WhyNotBelieved(worker, truth));
    }
    const bool of_worker = absl::IsInvalidArgument(truth) || absl::IsNotFound(truth);
    OnLost(attempt->id, WhyNotBelieved(worker, truth), of_worker ? Fault::kWorker : Fault::kFarm);
    return;
  }
  switch (report.report_case()) {
    case v1::LeaseReport::kStepStarted:
      OnStepStarted(attempt->id, report.step_started());
      break;
    case v1::LeaseReport::kLog:
      OnLog(*attempt, report.log());
      break;
    case v1::LeaseReport::kStepFinished:
      OnStepFinished(attempt->id, report.step_finished());
      break;
    case v1::LeaseReport::kTaskFinished:
      OnTaskFinished(attempt->id, report.task_finished());
      break;
    case v1::LeaseReport::REPORT_NOT_SET:
      break;
  }
}

void Engine::OnStepStarted(core::TaskId task, const v1::StepStarted& started) {
  const core::Attempt& attempt = *board_.Find(task);
  if (attempt.complete() || attempt.execution != 0 || attempt.step().number() != started.number()) return;
  storage::Execution row;
  row.key = attempt.key;
  row.build = attempt.origin.build;
  row.stage = attempt.origin.stage;
  row.step_number = attempt.step().number();
  row.variation = attempt.task.variation().number();
  row.shape = core::StepShape(attempt.step(), attempt.task.platform());
  row.replica = attempt.task.replica();
  row.lease = attempt.lease;
  row.worker = attempt.worker;
  const v1::WorkerInfo worker = scheduler_.InfoOf(attempt.worker);
  row.host_id = worker.host_id();
  row.host_name = worker.host_name();
  row.emulated = attempt.emulated && attempt.step().has_run();
  row.platform = FormatPlatform(attempt.task.platform());
  row.started_at = Now();
  auto id = records_.BeginExecution(row);
  loop_->Require(id.status());
  if (!id.ok()) return;
  // A batch that was never committed may have used the number, and begun its console.
  loop_->Require(logs_.Discard(*id));
  row.id = *id;
  board_.StepStarted(task, *id);
  RunningBuild* build = attempt.owner ? Find(attempt.owner->build) : nullptr;
  if (build != nullptr) {
    build->state.Enter(Now());
    build->state.StepStarted(attempt.owner->stage, attempt.owner->replica, attempt.step_index(), FactOf(row));
  }
  if (row.replica > 0) return;
  for (const core::StageRunId& run : attempt.Runs()) AdvanceReplicas(run);
}

void Engine::OnLog(const core::Attempt& attempt, const v1::LogChunk& chunk) {
  // One without data is not in the console, and would count as a chunk of it.
  if (attempt.execution == 0 || chunk.data().empty()) return;
  if (!attempt.complete() && attempt.step().has_run()) packages_.Add(attempt.execution, chunk);
  // A console with a hole in it would tell less, and its packages wrongly.
  loop_->Require(Annotate(logs_.Append(attempt.execution, chunk), "the console"));
  Watched watched;
  watched.execution = attempt.execution;
  watched.replica = attempt.task.replica();
  watched.offset = board_.NextLogChunk(attempt.id);
  watched.chunk = chunk;
  // In the order of the batch: who begins to watch earlier in it was given what there was until then, and is
  // added by then.
  loop_->AfterCommit([this, runs = attempt.Runs(), watched = std::move(watched)]() mutable {
    for (const core::StageRunId& run : runs) {
      watched.stage = run.stage;
      watchers_.PublishLog(run.build, watched);
    }
  });
}

void Engine::RecordPackages(const core::Attempt& attempt, const v1::StepResult& result) {
  if (!attempt.step().has_run()) return;
  // In the step's own transaction: a record of a step without its packages would stay that way.
  packages::StepEvidence evidence = packages::EvidenceOf(attempt.step().run(), result, attempt.emulated);
  evidence.rules = options_.failure_rules;
  evidence.earlier_wheels = [&] {
    std::vector<packages::EarlierWheel> wheels;
    const core::StageRunId run = attempt.owner.value_or(attempt.origin);
    const RunningBuild* build = Find(run.build);
    if (build == nullptr) return wheels;
    // Of stages that this one does not come from no file is here.
    for (const uint32_t stage : plan::StagesUpTo(build->state.plan(), static_cast<uint32_t>(run.stage))) {
      for (const v1::StepView& step : build->state.view().stages(static_cast<int>(stage)).steps()) {
        if (step.execution() == 0 || step.execution() == attempt.execution) continue;
        const auto earlier = records_.Packages(step.execution());
        if (earlier.ok()) packages::AddEarlierWheels(*earlier, &wheels);
        const auto fetches = records_.Fetches(step.execution());
        if (fetches.ok()) packages::AddEarlierWheels(*fetches, &wheels);
      }
    }
    return wheels;
  };
  const auto packages = packages::DerivePackages(packages_.Finish(attempt.execution), evidence);
  if (packages.empty()) return;
  loop_->Require(records_.SavePackages(attempt.execution, packages));
  if (options_.counters != nullptr) {
    loop_->AfterCommit([this, platform = FormatPlatform(attempt.task.platform()), packages] {
      options_.counters->AddPackages(platform, packages);
    });
  }
  // It may have been given a wheel before who compiled it was distrusted.
  const auto taken = trust_.TakeBackWithItsWheels(attempt.execution, Now());
  loop_->Require(taken.status());
  RunningBuild* build = attempt.owner ? Find(attempt.owner->build) : nullptr;
  if (!taken.ok() || !*taken || build == nullptr) return;
  build->state.Enter(Now());
  build->state.Notice(true, fmt::format("{}:{}: it installed a wheel that a worker compiled which is not "
                                        "believed any more; nothing else goes on from its result",
                                        attempt.step().range().file(), attempt.step().range().first_line()));
}

void Engine::OnStepFinished(core::TaskId task, const v1::StepResult& result) {
  if (board_.Find(task)->complete() || board_.Find(task)->step().number() != result.number()) return;
  if (board_.Find(task)->execution == 0) {
    v1::StepStarted started;
    started.set_number(result.number());
    OnStepStarted(task, started);
  }
  const core::Attempt& attempt = *board_.Find(task);
  if (attempt.execution == 0) return;
  const core::StageRunId whose = attempt.owner.value_or(attempt.origin);
  const TakenAcceleration taken =
      TakeAcceleration(result, {attempt.step(), whose.build, attempt.worker, Now()}, options_.accelerators,
                       options_.on_accelerator_off);
  loop_->Require(taken.recorded);
  if (RunningBuild* found = taken.notice.empty() ? nullptr : Find(whose.build)) {
    found->state.Enter(Now());
    found->state.Notice(true, taken.notice);
  }
  if (!taken.lost.empty()) return OnLost(task, taken.lost, Fault::kFarm);
  const bool failed = result.exit_code() != 0 || !result.failure().empty();
  if (!failed && !cache_.IsDurable(result.layer())) {
    OnLost(task, "the worker reported a layer that is not in the blob store");
    return;
  }
  // It would be recorded under the key of layers that it has nothing to do with.
  if (const absl::Status same = StepStatements::CheckParents(attempt, result); !same.ok())
    return OnLost(task, std::string(Sv(same.message())), Fault::kFarm);
  const absl::Status saved = records_.FinishExecution(attempt.execution, result, Now());
  auto row = saved.ok() ? records_.GetExecution(attempt.execution) : saved;
  if (!row.ok()) {
    OnLost(task, std::string(Sv(row.status().message())), Fault::kFarm);
    return;
  }
  health_.Executed(attempt.worker);
  const core::StepFact fact = FactOf(*row);
  RecordPackages(attempt, result);
  const absl::Status stated =
      failed ? absl::OkStatus() : statements_.Keep(attempt, result, scheduler_.InfoOf(attempt.worker), Now());
  if (!absl::IsInvalidArgument(stated)) loop_->Require(stated);
  if (result.has_fetches()) {
    loop_->Require(records_.SaveFetches(attempt.execution, core::RecordOfFetches(result.fetches())));
  }
  loop_->Require(Annotate(logs_.Close(attempt.execution), "the console"));  // reading opens it again

  const std::optional<core::StageRunId> owner = attempt.owner;
  RunningBuild* build = owner ? Find(owner->build) : nullptr;
  if (build != nullptr) {
    build->state.Enter(Now());
    const v1::SourceRange& range = attempt.step().range();
    for (const std::string& warning : result.warnings()) {
      build->state.Notice(true, fmt::format("{}:{}: {}", range.file(), range.first_line(), warning));
    }
    if (absl::IsInvalidArgument(stated)) {
      build->state.Notice(true,
                          fmt::format("{}:{}: what {} signed about this step is not kept: {}", range.file(),
                                      range.first_line(), attempt.worker, Sv(stated.message())));
    }
  }
  if (failed) {
    OnStepFailed(task, fact);
    return;
  }
  scheduler_.Made(attempt.worker, core::SizeOf(fact.layer));
  const int index = attempt.step_index();
  // A replica goes on from the first's layer, whatever it made itself.
  const v1::Layer layer = attempt.task.replica() == 0 ? fact.layer : attempt.step().expected();
  const std::vector<core::StageRunId> waiters = board_.FinishStep(task, layer);
  if (build != nullptr) {
    build->state.StepFinished(owner->stage, owner->replica, index, fact, v1::STEP_STATUS_EXECUTED);
    if (owner->replica == 0) AdvanceReplicas(*owner);
  }
  for (const core::StageRunId& run : waiters) Advance(run);
}

void Engine::OnStepFailed(core::TaskId task, const core::StepFact& fact) {
  core::Attempt ended = board_.End(task);
  Close(ended, "failed");
  for (const core::StageRunId& run : ended.Runs()) {
    RunningBuild* build = Find(run.build);
    if (build == nullptr) continue;
    build->state.Enter(Now());
    const int index = ended.owner == run ? ended.step_index() : build->state.stage(run.stage).next;
    const v1::StagePlan& stage = build->state.plan().stages(run.stage);
    const std::string message = run.replica > 0 ? fact.failure : FailureAt(stage, stage.steps(index), fact);
    // One failure can be that of several stages of a build: the first of them may have ended it.
    if (!build->state.Wanted(run.stage)) {
      build->state.StepFinished(run.stage, run.replica, index, fact, v1::STEP_STATUS_FAILED);
      continue;
    }
    const FailedStep step{index, fact};
    FailRun(run, v1::BUILD_STATUS_FAILED, message, &step);
    AdvanceReady(*build);
  }
}

void Engine::OnTaskFinished(core::TaskId task, const v1::TaskResult& result) {
  // Steps whose own reports were lost with a connection.
  for (const v1::StepResult& step : result.steps()) {
    if (board_.Find(task) == nullptr) return;
    OnStepFinished(task, step);
  }
  const core::Attempt* attempt = board_.Find(task);
  if (attempt == nullptr) return;
  if (result.outcome() == v1::TASK_OUTCOME_INFRASTRUCTURE || result.outcome() == v1::TASK_OUTCOME_CANCELLED) {
    // One that was cancelled was so by its worker's end.
    // Nor is it the worker's fault that its root is not in the store.
    const auto& parents = attempt->task.parents();
    const bool failed = result.outcome() == v1::TASK_OUTCOME_INFRASTRUCTURE &&
                        std::all_of(parents.begin(), parents.end(), [this](const v1::Layer& layer) {
                          return blobs_.Has(FromProto(layer.tar()));
                        });
    OnLost(task, result.message().empty() ? "the worker gave the task up" : result.message(),
           failed ? Fault::kWorker : Fault::kFarm);
    return;
  }
  RunningBuild* build = attempt->owner ? Find(attempt->owner->build) : nullptr;
  std::string failure;
  if (result.outcome() == v1::TASK_OUTCOME_FAILED) failure = result.message();
  const std::vector<Digest> chain = core::DiffIds(attempt->chain);
  std::set<std::string> asked;
  for (const v1::Export& each : attempt->task.exports()) asked.insert(plan::ExportKey(chain, each));
  for (const v1::ExportResult& exported : result.exports()) {
    // What nobody asked for, or of a root that is not made, nobody may be given.
    const std::string key = plan::ExportKey(chain, exported.export_());
    if (!attempt->complete() || !asked.contains(key)) continue;
    if (exported.failure().empty() && !blobs_.Has(FromProto(exported.blob()))) {
      OnLost(task, "the worker reported an export that is not in the blob store");
      return;
    }
    if (!exported.failure().empty()) {
      if (build != nullptr) failure = ExportFailure(*build, attempt->owner->stage, exported);
      continue;
    }
    storage::ExportRow row{FromProto(exported.blob()), std::nullopt, attempt->worker, Now()};
    if (exported.has_paths()) row.paths = exported.paths();
    loop_->Require(records_.SaveExport(key, row));
  }
  core::Attempt ended = board_.End(task);
  Close(ended, failure.empty() ? "succeeded" : "failed");
  if (ended.owner && !failure.empty()) {
    FailRun(*ended.owner, v1::BUILD_STATUS_FAILED, failure);
  } else if (ended.owner && !ended.complete()) {
    FailRun(*ended.owner, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED,
            "the worker finished its task without all results");
  } else if (ended.owner) {
    Advance(*ended.owner);
  }
  for (const core::StageRunId& run : ended.waiters) Advance(run);
}

void Engine::OnLost(core::TaskId task, const std::string& reason, Fault fault) {
  if (board_.Find(task) == nullptr) return;
  core::Attempt ended = board_.End(task);
  const bool outage = outage_wait_.IsOutage(reason);
  if (fault == Fault::kWorker && !outage)
    health_.Failed(ended.worker, ended.origin.build, reason, passing_.Now());
  Close(ended, "lost: " + reason);
  LogWarning("build={} task={} lease={} worker={} lost: {}", ended.owner.value_or(ended.origin).build,
             ended.task.name(), ended.lease, ended.worker, reason);
  RunningBuild* build = ended.owner ? Find(ended.owner->build) : nullptr;
  if (build != nullptr) {
    const core::StageRunId& run = *ended.owner;
    build->state.Enter(Now());
    if (!ended.complete()) build->state.StepInterrupted(run.stage, run.replica, ended.step_index());
    if (outage && outage_wait_.Hold(run, passing_.Now())) {
      build->state.Notice(
          true, fmt::format("{} waits for the bucket, at most {} in all, and runs again then: {}",
                            ended.task.name(), Sv(absl::FormatDuration(OutageWait::kPatience)), reason));
      for (const core::StageRunId& waiter : ended.waiters) Advance(waiter);
      return;
    }
    core::InfrastructureFailures& failures = build->state.FailuresOf(run.stage, run.replica);
    if (fault == Fault::kWorker && !outage) failures.workers.insert(ended.worker);
    if (++failures.count >= options_.max_infrastructure_failures) {
      FailRun(
          run, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED,
          fmt::format("given up after {} infrastructure failures; the last one: {}", failures.count, reason));
    } else {
      const std::set<int> again =
          LacksInputs(ended.task, blobs_) ? StagesOfLost(build->state, blobs_) : std::set<int>();
      build->state.Notice(true,
                          fmt::format("{}: {}; it runs again{}", ended.task.name(), reason,
                                      again.contains(run.stage) ? ", and what it needs is made again" : ""));
      const auto waiters = WalkAgain(build->state, again, board_,
                                     [this](core::Attempt& outdated) { Close(outdated, "outdated"); });
      ended.waiters.insert(ended.waiters.end(), waiters.begin(), waiters.end());
      Advance(run);
    }
  }
  for (const core::StageRunId& run : ended.waiters) Advance(run);
}

}  // namespace crossmill::coordinator
