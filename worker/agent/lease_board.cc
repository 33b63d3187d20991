#include "worker/agent/lease_board.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/threads.h"
#include "common/words/task_name.h"

namespace crossmill::worker {
namespace {

v1::TaskResult InfrastructureResult(const std::string& why) {
  v1::TaskResult result;
  result.set_outcome(v1::TASK_OUTCOME_INFRASTRUCTURE);
  result.set_message(why);
  return result;
}

std::shared_ptr<const TaskSecrets> SecretsOf(const v1::DesiredLease& lease) {
  if (lease.secrets().empty()) return nullptr;
  auto secrets = std::make_shared<TaskSecrets>();
  for (const v1::Secret& secret : lease.secrets()) secrets->Add(secret.id(), secret.value());
  return secrets;
}

std::string NewSession() {
  std::random_device random;
  std::string session;
  for (int i = 0; i < 4; ++i) session += fmt::format("{:08x}", random());
  return session;
}

}  // namespace

// Turns what an execution tells into reports under its lease.
class LeaseBoard::LeaseObserver final : public ExecutionObserver {
 public:
  LeaseObserver(LeaseBoard& board, uint64_t lease) : board_(board), lease_(lease) {}
  void OnStepStarted(const v1::StepStarted& started) override {
    v1::LeaseReport report;
    *report.mutable_step_started() = started;
    board_.Report(lease_, std::move(report));
  }
  void OnLog(const v1::LogChunk& chunk) override {
    v1::LeaseReport report;
    *report.mutable_log() = chunk;
    board_.Report(lease_, std::move(report));
  }
  void OnStepFinished(const v1::StepResult& result) override {
    v1::LeaseReport report;
    *report.mutable_step_finished() = result;
    board_.Report(lease_, std::move(report));
  }

 private:
  LeaseBoard& board_;
  const uint64_t lease_;
};

LeaseBoard::LeaseBoard(v1::WorkerInfo info, Execute execute, UndeliveredResults& results)
    : info_(std::move(info)), session_(NewSession()), execute_(std::move(execute)), results_(results) {}

LeaseBoard::~LeaseBoard() {
  std::list<std::jthread> ended;
  MutexLock lock(mutex_);
  draining_ = true;
  for (auto& [number, lease] : leases_) {
    lease.abandoned = true;
    lease.stop.request_stop();
  }
  while (running_ > 0) changed_.Wait(mutex_);
  ended.swap(ended_);
  // Their last action under the lock is behind them; they are joined when `ended` dies after it.
}

absl::Status LeaseBoard::Restore() {
  ASSIGN_OR_RETURN(auto results, results_.Load());
  MutexLock lock(mutex_);
  for (auto& [number, result] : results) {
    LogInfo("undelivered result found lease={}", number);
    Lease& lease = leases_[number];
    lease.started = true;
    lease.result = std::move(result);
  }
  return absl::OkStatus();
}

void LeaseBoard::Connected() {
  MutexLock lock(mutex_);
  state_due_ = true;
  std::erase_if(reports_, [](const v1::LeaseReport& report) { return report.has_task_finished(); });
  for (const auto& [number, lease] : leases_) {
    if (!lease.result || lease.abandoned) continue;
    v1::LeaseReport report;
    report.set_lease(number);
    *report.mutable_task_finished() = *lease.result;
    PushReport(std::move(report));
  }
  changed_.NotifyAll();
}

void LeaseBoard::Apply(const v1::SynchronizeResponse& desired) {
  std::list<std::jthread> ended;
  MutexLock lock(mutex_);
  ended.swap(ended_);
  for (uint64_t number : desired.acknowledged()) {
    const auto found = leases_.find(number);
    if (found != leases_.end() && found->second.result) Forget(number);
  }
  absl::flat_hash_set<uint64_t> named;
  for (const v1::DesiredLease& lease : desired.leases()) named.insert(lease.lease());
  std::vector<uint64_t> unnamed;
  for (const auto& [number, lease] : leases_) {
    if (!named.contains(number)) unnamed.push_back(number);
  }
  for (uint64_t number : unnamed) {
    Lease& lease = leases_[number];
    const bool runs = lease.started && !lease.result;
    if (runs && !lease.abandoned)
      LogInfo("build={} cancelled lease={} task={}", BuildOfTask(lease.task.name()), number,
              lease.task.name());
    lease.abandoned = true;
    lease.stop.request_stop();
    if (!runs) Forget(number);
  }
  for (const v1::DesiredLease& wanted : desired.leases()) {
    const auto [entry, added] = leases_.try_emplace(wanted.lease());
    Lease& lease = entry->second;
    // Wanted again after all: what is left of it is at least reported.
    lease.abandoned = false;
    if (!added) continue;
    lease.task = wanted.task();
    lease.secrets = SecretsOf(wanted);
    if (wanted.has_task() && !draining_) continue;
    lease.started = true;
    lease.secrets.reset();
    lease.result =
        InfrastructureResult(draining_ ? "the worker is shutting down" : "the lease came without its task");
    v1::LeaseReport report;
    report.set_lease(wanted.lease());
    *report.mutable_task_finished() = *lease.result;
    PushReport(std::move(report));
  }
  StartWaiting();
  changed_.NotifyAll();
}

void LeaseBoard::StartWaiting() {
  for (auto& [number, lease] : leases_) {
    if (running_ >= std::max(1u, info_.slots())) return;
    if (lease.started) continue;
    // Shared: it is still here if no thread can be made.
    const auto context = std::make_shared<TaskContext>(TaskContext{number, std::move(lease.secrets)});
    absl::StatusOr<std::jthread> thread =
        StartThread([this, context, task = lease.task, stop = lease.stop.get_token()] {
          RunLease(std::move(*context), task, stop);
        });
    if (!thread.ok()) {
      // With the next message of the coordinator, or end of a task, it is tried again.
      lease.secrets = std::move(context->secrets);
      LogWarning("build={} lease={} task={} waits: {}", BuildOfTask(lease.task.name()), number,
                 lease.task.name(), Sv(thread.status().message()));
      return;
    }
    lease.started = true;
    ++running_;
    LogInfo("build={} started lease={} task={}", BuildOfTask(lease.task.name()), number, lease.task.name());
    lease.thread = *std::move(thread);
  }
}

void LeaseBoard::RunLease(TaskContext context, const v1::Task& task, const std::stop_token& stop) {
  const uint64_t number = context.lease;
  LeaseObserver observer(*this, number);
  v1::TaskResult result = execute_(task, context, observer, stop);
  context.secrets.reset();
  Finish(number, std::move(result));
}

void LeaseBoard::Finish(uint64_t number, v1::TaskResult result) {
  std::string task;
  {
    MutexLock lock(mutex_);
    task = leases_[number].task.name();
    const std::string& cut_short = leases_[number].cut_short;
    if (!cut_short.empty() && result.outcome() == v1::TASK_OUTCOME_CANCELLED) {
      result.set_outcome(v1::TASK_OUTCOME_INFRASTRUCTURE);
      result.set_message(cut_short);
    }
  }
  LogInfo("build={} finished lease={} task={} outcome={} message='{}'", BuildOfTask(task), number, task,
          v1::TaskOutcome_Name(result.outcome()), result.message());
  // Outside the lock: it waits for the disk. Without it the result lives as long as this process.
  const absl::Status saved = results_.Save(number, result);
  if (!saved.ok()) LogWarning("result is not on disk lease={}: {}", number, Sv(saved.message()));

  MutexLock lock(mutex_);
  Lease& lease = leases_[number];
  ended_.push_back(std::move(lease.thread));
  --running_;
  lease.result = std::move(result);
  if (lease.abandoned) {
    Forget(number);
  } else {
    v1::LeaseReport report;
    report.set_lease(number);
    *report.mutable_task_finished() = *lease.result;
    PushReport(std::move(report));
  }
  if (!draining_) StartWaiting();
  changed_.NotifyAll();
}

void LeaseBoard::Report(uint64_t number, v1::LeaseReport report) {
  report.set_lease(number);
  MutexLock lock(mutex_);
  if (leases_[number].abandoned) return;
  PushReport(std::move(report));
  changed_.NotifyAll();
}

void LeaseBoard::PushReport(v1::LeaseReport report) {
  if (report.has_log()) waiting_log_bytes_ += report.log().data().size();
  reports_.push_back(std::move(report));
  if (waiting_log_bytes_ > kWaitingLogBytes) TrimLogs();
}

void LeaseBoard::TrimLogs() {
  // Down to three quarters, so that not every further piece comes here again.
  v1::LeaseReport* last = nullptr;
  for (v1::LeaseReport& report : reports_) {
    if (waiting_log_bytes_ <= kWaitingLogBytes / 4 * 3) break;
    if (!report.has_log() || report.log().data().empty()) continue;
    waiting_log_bytes_ -= report.log().data().size();
    report.mutable_log()->clear_data();
    last = &report;
  }
  if (last == nullptr) return;
  last->mutable_log()->set_stream(v1::LogChunk::STREAM_WORKER);
  last->mutable_log()->set_data(
      "[console output before this was dropped: the coordinator did not take it]\n");
  waiting_log_bytes_ += last->log().data().size();
  std::erase_if(reports_, [](const v1::LeaseReport& report) {
    return report.has_log() && report.log().data().empty();
  });
}

void LeaseBoard::Forget(uint64_t number) {
  const absl::Status forgotten = results_.Forget(number);
  if (!forgotten.ok()) LogWarning("undelivered result stays lease={}: {}", number, Sv(forgotten.message()));
  for (const v1::LeaseReport& report : reports_) {
    if (report.lease() == number && report.has_log()) waiting_log_bytes_ -= report.log().data().size();
  }
  std::erase_if(reports_, [&](const v1::LeaseReport& report) { return report.lease() == number; });
  leases_.erase(number);
}

v1::SynchronizeRequest LeaseBoard::StateMessage() {
  v1::SynchronizeRequest request;
  v1::WorkerState& state = *request.mutable_state();
  *state.mutable_info() = info_;
  state.set_draining(draining_);
  state.set_session(session_);
  for (const auto& [number, lease] : leases_) {
    if (!lease.abandoned) state.add_leases(number);
  }
  return request;
}

std::optional<v1::SynchronizeRequest> LeaseBoard::Next(absl::Duration patience) {
  std::list<std::jthread> ended;
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience);
  MutexLock lock(mutex_);
  ended.swap(ended_);
  while (!state_due_ && reports_.empty() && !woken_) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left.count() <= 0) return std::nullopt;
    changed_.WaitFor(mutex_, left);
  }
  woken_ = false;
  if (state_due_) {
    state_due_ = false;
    return StateMessage();
  }
  if (reports_.empty()) return std::nullopt;
  v1::SynchronizeRequest request;
  *request.mutable_report() = std::move(reports_.front());
  reports_.pop_front();
  if (request.report().has_log()) waiting_log_bytes_ -= request.report().log().data().size();
  return request;
}

void LeaseBoard::Wake() {
  MutexLock lock(mutex_);
  woken_ = true;
  changed_.NotifyAll();
}

void LeaseBoard::Drain() {
  MutexLock lock(mutex_);
  draining_ = true;
  state_due_ = true;
  woken_ = true;
  changed_.NotifyAll();
}

void LeaseBoard::CancelAll(const std::string& why) {
  MutexLock lock(mutex_);
  for (auto& [number, lease] : leases_) {
    if (lease.result) continue;
    lease.cut_short = why;
    lease.stop.request_stop();
    if (lease.started) continue;
    lease.started = true;
    lease.secrets.reset();
    lease.result = InfrastructureResult(why);
    v1::LeaseReport report;
    report.set_lease(number);
    *report.mutable_task_finished() = *lease.result;
    PushReport(std::move(report));
  }
  changed_.NotifyAll();
}

bool LeaseBoard::Idle() {
  MutexLock lock(mutex_);
  return leases_.empty() && running_ == 0;
}

bool LeaseBoard::Running() {
  MutexLock lock(mutex_);
  return std::any_of(leases_.begin(), leases_.end(), [](const auto& entry) { return !entry.second.result; });
}

}  // namespace crossmill::worker
