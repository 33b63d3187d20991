// Engine: what is due after every batch — leases, desired states, cells and builds that end, events.
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/words/words.h"
#include "coordinator/core/build_view.h"
#include "coordinator/engine/conclusion.h"
#include "coordinator/engine/engine.h"

namespace crossmill::coordinator {

void Engine::Tick() {
  DispatchLeases();
  HandleUnplaceable();
  GiveUpHeld();
  std::vector<int64_t> ids;
  for (const auto& [id, build] : builds_) ids.push_back(id);
  for (int64_t id : ids) {
    Build& build = *builds_.at(id);
    build.state.Enter(Now());
    const uint32_t timeout = build.submission.options().timeout();
    if (timeout > 0 && Now() - build.submitted_at > int64_t{timeout} * 1'000'000'000) {
      CancelBuild(build, v1::TIMED_OUT, fmt::format("the build's time limit of {} s was reached", timeout));
    }
    ConcludeCells(build);
    ConcludeBuild(build);
    Flush(build);
    if (IsFinished(build.state.view().status()) && build.jobs == 0) {
      const absl::Status saved = records_.SaveView(id, build.state.view());
      if (!saved.ok()) spdlog::error("build={} {}", id, Sv(saved.message()));
      spdlog::info("build={} finished status={} {}", id, v1::BuildStatus_Name(build.state.view().status()),
                   build.state.view().message());
      loop_->AfterCommit([this, id] { watchers_.Close(id); });
      relay_.CloseBuild(id);
      secrets_.Forget(id);
      builds_.erase(id);
    }
  }
  SendDesiredStates();
}

void Engine::Flush(Build& build) {
  std::vector<v1::BuildEvent> events = build.state.TakeEvents();
  if (events.empty()) return;
  const int64_t id = build.state.id();
  for (const v1::BuildEvent& event : events) {
    const absl::Status saved = records_.AppendEvent(id, event);
    if (!saved.ok()) spdlog::error("build={} event={} {}", id, event.number(), Sv(saved.message()));
  }
  loop_->AfterCommit([this, id, events = std::move(events)] { watchers_.Publish(id, events); });
}

void Engine::DispatchLeases() {
  for (const core::LostLease& lost : scheduler_.Expire(clock_.Now())) OnLost(lost.task, lost.reason);
  for (const core::Assignment& assignment : scheduler_.Assign(clock_.Now())) {
    Attempt& attempt = attempts_.at(assignment.task);
    attempt.lease = assignment.lease;
    attempt.worker = assignment.worker;
    attempt.emulated = assignment.emulated;
    attempt.secrets = SecretsFor(attempt);
    leases_[assignment.lease] = assignment.task;
    dirty_workers_.insert(assignment.worker);
    storage::LeaseRow row;
    row.number = assignment.lease;
    row.build = attempt.origin.build;
    row.stage = attempt.origin.stage;
    row.replica = attempt.origin.replica;
    row.worker = assignment.worker;
    row.task = attempt.task;
    row.granted_at = Now();
    const absl::Status saved = records_.InsertLease(row);
    if (!saved.ok()) spdlog::error("lease={} {}", assignment.lease, Sv(saved.message()));
  }
}

void Engine::HandleUnplaceable() {
  for (const core::UnplaceableTask& task : scheduler_.Unplaceable(clock_.Now(), absl::ZeroDuration())) {
    auto it = attempts_.find(task.task);
    if (it == attempts_.end() || !it->second.owner) continue;
    Build* build = Find(it->second.owner->build);
    if (build == nullptr || !build->noticed.insert(task.task).second) continue;
    build->state.Enter(Now());
    build->state.Notice(true, fmt::format("{}; waiting {} for one", task.reason,
                                          Sv(absl::FormatDuration(options_.unplaceable_grace))));
  }
  for (const core::UnplaceableTask& task : scheduler_.Unplaceable(clock_.Now(), options_.unplaceable_grace)) {
    auto it = attempts_.find(task.task);
    if (it == attempts_.end() || !it->second.owner) continue;
    const Place place = *it->second.owner;
    EndAttempt(task.task, "unplaceable");
    GiveUp(place, task.reason);
  }
}

void Engine::GiveUp(const Place& place, const std::string& reason) {
  Build* build = Find(place.build);
  if (build == nullptr) return;
  build->state.Enter(Now());
  if (place.replica == 0) {
    Fail(*build, place.stage, v1::INFRASTRUCTURE_FAILED, reason);
    return;
  }
  core::ReplicaRun& run = build->state.replica(place.stage, place.replica);
  run.phase = core::Phase::kFailed;
  run.problem = reason;
  AdvanceReplicas(*build, place.stage);
}

void Engine::SendDesiredStates() {
  std::set<std::string> workers = std::exchange(dirty_workers_, {});
  for (const std::string& worker : workers) {
    auto link = links_.find(worker);
    if (link == links_.end()) continue;
    v1::SynchronizeResponse message;
    std::set<core::LeaseNumber>& known = known_leases_[worker];
    std::set<core::LeaseNumber> desired = scheduler_.LeasesOf(worker);
    for (core::LeaseNumber lease : desired) {
      v1::DesiredLease& row = *message.add_leases();
      row.set_lease(lease);
      auto task = leases_.find(lease);
      if (known.contains(lease) || task == leases_.end()) continue;
      Attempt& attempt = attempts_.at(task->second);
      *row.mutable_task() = attempt.task;
      for (v1::Secret& secret : std::exchange(attempt.secrets, {})) *row.add_secrets() = std::move(secret);
    }
    known = std::move(desired);
    for (core::LeaseNumber lease : acknowledged_[worker]) message.add_acknowledged(lease);
    acknowledged_.erase(worker);
    loop_->AfterCommit([link = link->second, message = std::move(message)]() mutable {
      link->Send(message);
      for (v1::DesiredLease& lease : *message.mutable_leases()) {
        for (v1::Secret& secret : *lease.mutable_secrets()) Wipe(&secret);
      }
    });
  }
}

void Engine::RunJob(int64_t id, std::function<std::function<void()>()> job) {
  if (Build* build = Find(id)) ++build->jobs;
  jobs_.Run([this, id, job = std::move(job)] {
    loop_->Post([this, id, done = job()] {
      if (Build* build = Find(id)) --build->jobs;
      done();
    });
  });
}

void Engine::ConcludeCells(Build& build) {
  for (int cell : build.state.CellsToFinish()) {
    build.state.MarkFinishing(cell);
    CellInput input = MakeCellInput(build.state, cell, [&](int stage) { return build.SinceOf(stage); });
    const int64_t id = build.state.id();
    RunJob(id, [this, id, input = std::move(input)] {
      v1::CellView view = ConcludeCell(input, assembler_, blobs_, records_);
      return [this, id, view = std::move(view)] { CellConcluded(id, view); };
    });
  }
}

void Engine::CellConcluded(int64_t id, v1::CellView cell) {
  Build* build = Find(id);
  if (build == nullptr || build->concluding) return;
  build->state.Enter(Now());
  cell.set_seconds(static_cast<double>(Now() - build->submitted_at) / 1e9);
  build->state.CellFinished(cell);
}

void Engine::ConcludeBuild(Build& build) {
  if (build.concluding || build.jobs > 0 || !build.state.AllCellsOver()) return;
  build.concluding = true;
  const int64_t id = build.state.id();
  v1::BuildStatus status = v1::SUCCEEDED;
  std::string message;
  for (const v1::CellView& cell : build.state.view().cells()) {
    if (cell.status() == v1::SUCCEEDED) continue;
    // The recipe's failure says more than the farm's.
    if (status == v1::SUCCEEDED || cell.status() == v1::FAILED) {
      status = cell.status();
      message = cell.message();
    }
  }
  if (status != v1::SUCCEEDED) {
    build.state.Finish(status, message, "");
    return;
  }
  RunJob(id, [this, id, view = build.state.view()] {
    auto digest = AssembleBuild(view, assembler_);
    return [this, id, digest = std::move(digest)] {
      Build* build = Find(id);
      if (build == nullptr) return;
      build->state.Enter(Now());
      if (digest.ok()) {
        build->state.Finish(v1::SUCCEEDED, "", *digest);
      } else {
        build->state.Finish(v1::INFRASTRUCTURE_FAILED, Sv(digest.status().message()), "");
      }
    };
  });
}

}  // namespace crossmill::coordinator
