#include "coordinator/core/scheduler.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/words/platform.h"

namespace crossmill::core {

Scheduler::Scheduler(SchedulerOptions options, NewLease new_lease)
    : options_(options), new_lease_(std::move(new_lease)) {}

std::set<LeaseNumber> Scheduler::Connect(const v1::WorkerInfo& info, const std::set<LeaseNumber>& reported,
                                         bool draining, absl::Time now) {
  MutexLock lock(mutex_);
  Worker& worker = workers_[info.name()];
  worker.info = info;
  worker.connected = true;
  worker.present = true;
  worker.silent = false;
  worker.draining = draining;
  std::erase(departed_, info.name());
  worker.last_seen = now;
  std::set<LeaseNumber> kept;
  std::vector<LeaseNumber> gone;
  for (const auto& [lease, task] : worker.leases) {
    if (reported.contains(lease)) {
      kept.insert(lease);
    } else {
      gone.push_back(lease);
    }
  }
  for (LeaseNumber lease : gone) Lose(worker, lease, "the worker no longer has it");
  return kept;
}

void Scheduler::Expect(const v1::WorkerInfo& info, absl::Time now) {
  MutexLock lock(mutex_);
  Worker& worker = workers_[info.name()];
  worker.info = info;
  worker.present = true;
  worker.last_seen = now;
}

void Scheduler::Heartbeat(const std::string& worker, absl::Time now) {
  MutexLock lock(mutex_);
  auto it = workers_.find(worker);
  if (it == workers_.end()) return;
  it->second.last_seen = now;
  if (!std::exchange(it->second.silent, false)) return;
  it->second.connected = true;
  it->second.present = true;
  std::erase(departed_, worker);
}

void Scheduler::Disconnect(const std::string& worker, absl::Time now) {
  MutexLock lock(mutex_);
  auto it = workers_.find(worker);
  if (it == workers_.end()) return;
  it->second.connected = false;
  it->second.silent = false;
  it->second.last_seen = now;
  if (it->second.draining) Depart(it->second);
}

void Scheduler::Depart(Worker& worker) {
  if (std::exchange(worker.present, false)) departed_.push_back(worker.info.name());
}

void Scheduler::Enqueue(TaskId task, Requirements requirements) {
  MutexLock lock(mutex_);
  tasks_[task] = Task{std::move(requirements), 0, "", std::nullopt};
  queue_.push_back(task);
}

void Scheduler::Restore(LeaseNumber lease, TaskId task, Requirements requirements, const std::string& worker,
                        absl::Time now) {
  MutexLock lock(mutex_);
  Worker& holder = workers_[worker];
  if (!holder.connected) {
    holder.info.set_name(worker);
    holder.last_seen = now;
  }
  holder.leases[lease] = task;
  lease_workers_[lease] = worker;
  if (requirements.group != 0) groups_[requirements.group].insert(task);
  tasks_[task] = Task{std::move(requirements), lease, worker, std::nullopt};
}

void Scheduler::Remove(TaskId task) {
  MutexLock lock(mutex_);
  auto it = tasks_.find(task);
  if (it == tasks_.end()) return;
  if (it->second.lease != 0) {
    workers_[it->second.worker].leases.erase(it->second.lease);
    lease_workers_.erase(it->second.lease);
  } else {
    std::erase(queue_, task);
  }
  if (it->second.requirements.group != 0) groups_[it->second.requirements.group].erase(task);
  tasks_.erase(it);
}

absl::Status Scheduler::Check(LeaseNumber lease, const std::string& worker) const {
  MutexLock lock(mutex_);
  auto it = lease_workers_.find(lease);
  if (it != lease_workers_.end() && it->second == worker) return absl::OkStatus();
  return absl::AbortedError(fmt::format("lease {} is no longer held by worker {}", lease, worker));
}

void Scheduler::Finish(LeaseNumber lease) {
  MutexLock lock(mutex_);
  auto holder = lease_workers_.find(lease);
  if (holder == lease_workers_.end()) return;
  Worker& worker = workers_[holder->second];
  const TaskId task = worker.leases[lease];
  worker.leases.erase(lease);
  lease_workers_.erase(holder);
  auto it = tasks_.find(task);
  if (it == tasks_.end()) return;
  if (it->second.requirements.group != 0) groups_[it->second.requirements.group].erase(task);
  tasks_.erase(it);
}

void Scheduler::Lose(Worker& worker, LeaseNumber lease, std::string reason) {
  const TaskId task = worker.leases[lease];
  worker.leases.erase(lease);
  lease_workers_.erase(lease);
  auto it = tasks_.find(task);
  if (it != tasks_.end()) {
    if (it->second.requirements.group != 0) groups_[it->second.requirements.group].erase(task);
    tasks_.erase(it);
  }
  lost_.push_back(LostLease{lease, task, worker.info.name(), std::move(reason)});
}

std::vector<LostLease> Scheduler::Expire(absl::Time now) {
  MutexLock lock(mutex_);
  for (auto& [name, worker] : workers_) {
    if (now - worker.last_seen < options_.worker_timeout) continue;
    worker.silent = worker.silent || worker.connected;
    worker.connected = false;
    Depart(worker);
    while (!worker.leases.empty()) {
      Lose(worker, worker.leases.begin()->first,
           fmt::format("worker {} was silent for {}", name,
                       Sv(absl::FormatDuration(options_.worker_timeout))));
    }
  }
  return std::exchange(lost_, {});
}

std::vector<std::string> Scheduler::TakeDeparted() {
  MutexLock lock(mutex_);
  return std::exchange(departed_, {});
}

Scheduler::Fit Scheduler::FitOf(const Worker& worker, const Requirements& requirements) {
  if (requirements.spread == Spread::kHosts && requirements.excluded_hosts.contains(worker.info.host_id())) {
    return Fit::kNever;
  }
  if (requirements.spread == Spread::kWorkers && requirements.excluded_workers.contains(worker.info.name())) {
    return Fit::kNever;
  }
  if (requirements.neutral) return Fit::kNative;
  Fit best = Fit::kNever;
  for (const v1::PlatformSupport& support : worker.info.platforms()) {
    if (!SamePlatform(support.platform(), requirements.platform)) continue;
    if (!support.emulated()) return Fit::kNative;
    if (!requirements.forbid_emulation) best = Fit::kEmulated;
  }
  return best;
}

bool Scheduler::SpreadAllows(const Worker& worker, const Task& task) const {
  const Requirements& requirements = task.requirements;
  if (requirements.spread == Spread::kNone || requirements.group == 0) return true;
  auto group = groups_.find(requirements.group);
  if (group == groups_.end()) return true;
  for (const TaskId other : group->second) {
    const v1::WorkerInfo& holder = workers_.at(tasks_.at(other).worker).info;
    const bool taken = requirements.spread == Spread::kHosts ? holder.host_id() == worker.info.host_id()
                                                             : holder.name() == worker.info.name();
    if (taken) return false;
  }
  return true;
}

Scheduler::Worker* Scheduler::Choose(const Task& task, bool* emulated) {
  Worker* best = nullptr;
  Fit best_fit = Fit::kNever;
  bool native_present = false;
  for (auto& [name, worker] : workers_) {
    if (!worker.present || worker.draining) continue;
    const Fit fit = FitOf(worker, task.requirements);
    if (fit == Fit::kNever) continue;
    if (fit == Fit::kNative) native_present = true;
    if (!worker.connected) continue;
    if (worker.leases.size() >= worker.info.slots() || !SpreadAllows(worker, task)) continue;
    // Of equals the least loaded, so that stages of one build do not crowd one worker.
    const bool better = best == nullptr || fit > best_fit ||
                        (fit == best_fit && worker.leases.size() * best->info.slots() <
                                                best->leases.size() * worker.info.slots());
    if (better) {
      best = &worker;
      best_fit = fit;
    }
  }
  if (best_fit == Fit::kEmulated && native_present) return nullptr;
  *emulated = best_fit == Fit::kEmulated;
  return best;
}

std::vector<Assignment> Scheduler::Assign() {
  MutexLock lock(mutex_);
  uint64_t free_slots = 0;
  for (const auto& [name, worker] : workers_) {
    if (worker.connected && !worker.draining && worker.info.slots() > worker.leases.size()) {
      free_slots += worker.info.slots() - worker.leases.size();
    }
  }
  std::vector<Assignment> assignments;
  std::deque<TaskId> waiting;
  while (!queue_.empty() && free_slots > 0) {
    const TaskId id = queue_.front();
    queue_.pop_front();
    Task& task = tasks_.at(id);
    bool emulated = false;
    Worker* worker = Choose(task, &emulated);
    if (worker == nullptr) {
      waiting.push_back(id);
      continue;
    }
    task.lease = new_lease_(id, worker->info.name());
    task.worker = worker->info.name();
    task.unplaceable_since.reset();
    worker->leases[task.lease] = id;
    lease_workers_[task.lease] = task.worker;
    if (task.requirements.group != 0) groups_[task.requirements.group].insert(id);
    assignments.push_back(Assignment{task.lease, id, task.worker, emulated});
    --free_slots;
  }
  queue_.insert(queue_.begin(), waiting.begin(), waiting.end());
  return assignments;
}

std::string Scheduler::WhyUnplaceable(const Task& task) const {
  const Requirements& requirements = task.requirements;
  const std::string platform = FormatPlatform(requirements.platform);
  size_t present = 0;
  size_t capable = 0;
  std::set<std::string> hosts;
  for (const auto& [name, worker] : workers_) {
    if (!worker.present) continue;
    ++present;
    Requirements anywhere = requirements;
    anywhere.spread = Spread::kNone;
    if (FitOf(worker, anywhere) == Fit::kNever) continue;
    ++capable;
    hosts.insert(worker.info.host_id());
  }
  if (present == 0) return fmt::format("no worker is connected that could run {}", requirements.description);
  if (capable == 0) {
    return fmt::format("none of the {} connected workers can run {}{}", present, platform,
                       requirements.forbid_emulation ? " without emulation" : "");
  }
  if (requirements.spread == Spread::kHosts) {
    return fmt::format(
        "another host for {} is needed, but the {} connected workers that can run it are on {} host{}{}",
        platform, capable, hosts.size(), hosts.size() == 1 ? "" : "s",
        capable > hosts.size() ? " (--allow-same-host accepts another worker of one host)" : "");
  }
  return fmt::format("another worker for {} is needed, but only {} connected worker{} can run it", platform,
                     capable, capable == 1 ? "" : "s");
}

bool Scheduler::CanRun(const Requirements& requirements) const {
  MutexLock lock(mutex_);
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& entry) {
    return entry.second.present && FitOf(entry.second, requirements) != Fit::kNever;
  });
}

std::vector<UnplaceableTask> Scheduler::Unplaceable(absl::Time now) {
  MutexLock lock(mutex_);
  std::vector<UnplaceableTask> found;
  for (TaskId id : queue_) {
    Task& task = tasks_.at(id);
    const bool possible = std::any_of(workers_.begin(), workers_.end(), [&](const auto& entry) {
      return entry.second.present && FitOf(entry.second, task.requirements) != Fit::kNever;
    });
    if (possible) {
      task.unplaceable_since.reset();
      continue;
    }
    if (!task.unplaceable_since) task.unplaceable_since = now;
    found.push_back(UnplaceableTask{id, WhyUnplaceable(task), *task.unplaceable_since});
  }
  return found;
}

std::set<LeaseNumber> Scheduler::LeasesOf(const std::string& worker) const {
  MutexLock lock(mutex_);
  std::set<LeaseNumber> leases;
  auto it = workers_.find(worker);
  if (it == workers_.end()) return leases;
  for (const auto& [lease, task] : it->second.leases) leases.insert(lease);
  return leases;
}

std::vector<WorkerStatus> Scheduler::Workers() const {
  MutexLock lock(mutex_);
  std::vector<WorkerStatus> all;
  for (const auto& [name, worker] : workers_) {
    all.push_back(
        WorkerStatus{worker.info, worker.connected, worker.draining, worker.last_seen, worker.leases});
  }
  return all;
}

}  // namespace crossmill::core
