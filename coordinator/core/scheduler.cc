#include "coordinator/core/scheduler.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/words/platform.h"

namespace crossmill::core {
namespace {

size_t CountAvoided(const Requirements& requirements) {
  return requirements.spread == Spread::kHosts ? requirements.avoid.hosts.size()
                                               : requirements.avoid.workers.size();
}

int WeightOf(const ExpectedUse& use) {
  if (!use.cpus) return 0;
  if (*use.cpus < 0.2) return 1;
  if (*use.cpus < 0.75) return 2;
  return *use.cpus < 1.5 ? 3 : 4;
}

}  // namespace

Scheduler::Scheduler(SchedulerOptions options, NewLease new_lease)
    : options_(options), new_lease_(std::move(new_lease)) {}

// ---- workers ----

std::set<LeaseNumber> Scheduler::Connect(const v1::WorkerInfo& info, const std::set<LeaseNumber>& reported,
                                         bool draining, absl::Time now) {
  MutexLock lock(mutex_);
  Worker& worker = workers_[info.name()];
  SetInfo(worker, info, now);
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
  Refresh(worker);
  return kept;
}

void Scheduler::Expect(const v1::WorkerInfo& info, absl::Time now) {
  MutexLock lock(mutex_);
  Worker& worker = workers_[info.name()];
  SetInfo(worker, info, now);
  worker.present = true;
  worker.last_seen = now;
  Refresh(worker);
}

void Scheduler::SetInfo(Worker& worker, const v1::WorkerInfo& info, absl::Time now) {
  // A worker that comes back to its machine finds it as it was left: what it does is no less for that the
  // stream broke. Somebody who was away for long finds what was told then outdated.
  const std::string from = worker.info.host_id();
  const bool moves = !hosts_.contains(info.host_id()) || from != info.host_id();
  if (moves && hosts_.contains(from)) {
    Host& before = hosts_.at(from);
    before.workers.erase(worker.info.name());
    for (const auto& [lease, task] : worker.leases) before.room.Remove(lease);
    if (before.workers.empty()) hosts_.erase(from);
  }
  if (options_.changes != nullptr) options_.changes->Note();
  worker.info = info;
  worker.drained = options_.drained != nullptr && options_.drained->GetsNone(info.name());
  worker.distrusted = options_.drained != nullptr && options_.drained->IsDistrusted(info.name());
  worker.native.clear();
  worker.emulated.clear();
  for (const v1::PlatformSupport& support : info.platforms()) {
    (support.emulated() ? worker.emulated : worker.native).push_back(FormatPlatform(support.platform()));
  }
  for (const std::string& platform : worker.emulated) OpenBacklog(platform, now);
  Host& host = hosts_[info.host_id()];
  host.workers.insert(info.name());
  host.room.SetCpus(std::max(1u, info.cpus()));
  const auto is_present = [&](const std::string& name)
                              ABSL_NO_THREAD_SAFETY_ANALYSIS { return workers_.at(name).present; };
  if (std::none_of(host.workers.begin(), host.workers.end(), is_present)) host.room.ForgetLoad();
  if (!moves) return;
  for (const auto& [lease, task] : worker.leases) {
    const auto known = tasks_.find(task);
    host.room.Add(lease, known == tasks_.end() ? ExpectedUse() : known->second.requirements.use, now);
  }
}

void Scheduler::Heartbeat(const std::string& worker, absl::Time now) {
  MutexLock lock(mutex_);
  auto it = workers_.find(worker);
  if (it == workers_.end()) return;
  it->second.last_seen = now;
  if (!std::exchange(it->second.silent, false)) return;
  if (options_.changes != nullptr) options_.changes->Note();
  it->second.connected = true;
  it->second.present = true;
  std::erase(departed_, worker);
  Refresh(it->second);
}

void Scheduler::Report(const std::string& worker, const v1::HostLoad& load, absl::Time now) {
  MutexLock lock(mutex_);
  auto it = workers_.find(worker);
  if (it == workers_.end()) return;
  const std::string& host = it->second.info.host_id();
  hosts_[host].room.Report(load, now);
  it->second.layers_bytes = load.layers_bytes();
  it->second.caches_bytes = load.caches_bytes();
  RefreshHost(host);
}

void Scheduler::Disconnect(const std::string& worker, absl::Time now) {
  MutexLock lock(mutex_);
  auto it = workers_.find(worker);
  if (it == workers_.end()) return;
  if (options_.changes != nullptr) options_.changes->Note();
  it->second.connected = false;
  it->second.silent = false;
  it->second.last_seen = now;
  if (it->second.draining) Depart(it->second);
  Refresh(it->second);
}

void Scheduler::Depart(Worker& worker) {
  if (!std::exchange(worker.present, false)) return;
  if (options_.changes != nullptr) options_.changes->Note();
  departed_.push_back(worker.info.name());
  layers_.Forget(worker.info.name());
}

void Scheduler::Refresh(const Worker& worker) {
  const v1::WorkerInfo& info = worker.info;
  const HostRoom& room = hosts_[info.host_id()].room;
  WorkerStanding standing;
  standing.host = info.host_id();
  standing.native = worker.native;
  standing.emulated = worker.emulated;
  const bool comes_back =
      !worker.unfit || worker.unfit->until < absl::InfiniteFuture() || !worker.leases.empty();
  standing.present = worker.present && comes_back && !worker.distrusted;
  standing.staying = standing.present && !worker.draining && !worker.drained;
  standing.tasks = static_cast<uint32_t>(worker.leases.size());
  standing.fullness = static_cast<double>(standing.tasks) / std::max(1u, info.slots());
  if (info.slots_by_load()) standing.fullness = std::max(standing.fullness, room.Used() / room.cpus());
  standing.open = worker.connected && !worker.draining && !worker.drained && !worker.unfit &&
                  Admits(worker, ExpectedUse{0.0, 1});
  pools_.Update(info.name(), standing);
}

void Scheduler::RefreshWith(const Worker& worker) {
  if (!worker.info.slots_by_load()) Refresh(worker);
  RefreshHost(worker.info.host_id());
}

void Scheduler::RefreshHost(const std::string& host) {
  for (const std::string& name : hosts_[host].workers) {
    const Worker& worker = workers_.at(name);
    if (worker.info.slots_by_load()) Refresh(worker);
  }
}

// ---- leases and tasks ----

void Scheduler::Hold(Worker& worker, LeaseNumber lease, TaskId task, absl::Time now) {
  Task& held = tasks_.at(task);
  const Requirements& requirements = held.requirements;
  if (options_.changes != nullptr) options_.changes->Note();
  worker.leases[lease] = task;
  lease_workers_[lease] = worker.info.name();
  load_.Begin(held.kind.platform);
  if (requirements.group != 0) groups_[requirements.group].insert(task);
  if (requirements.spare) spare_leases_[lease] = task;
  hosts_[worker.info.host_id()].room.Add(lease, requirements.use, now);
  for (const LayerSize& layer : requirements.layers) layers_.Note(worker.info.name(), layer);
  const auto backlog = backlogs_.find(held.kind.platform);
  if (backlog != backlogs_.end()) BeginIn(backlog->second, held, now);
  RefreshWith(worker);
}

void Scheduler::Drop(Worker& worker, LeaseNumber lease) {
  Task& task = tasks_.at(worker.leases.at(lease));
  if (task.native_until) backlogs_.at(task.kind.platform).End(*task.native_until);
  task.native_until.reset();
  if (options_.changes != nullptr) options_.changes->Note();
  worker.leases.erase(lease);
  lease_workers_.erase(lease);
  load_.End(task.kind.platform);
  spare_leases_.erase(lease);
  hosts_[worker.info.host_id()].room.Remove(lease);
  RefreshWith(worker);
}

void Scheduler::Erase(TaskId id) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  const Task& task = found->second;
  if (const uint64_t group = task.requirements.group; group != 0) {
    groups_[group].erase(id);
    if (groups_[group].empty()) groups_.erase(group);
  }
  if (task.lease == 0) {
    TakeFromQueue(id, task);
    if (queues_.at(task.kind).tasks.empty()) queues_.erase(task.kind);
  }
  tasks_.erase(found);
}

Scheduler::Kind Scheduler::KindOf(const Requirements& requirements) {
  Kind kind;
  if (!requirements.neutral) {
    kind.platform = FormatPlatform(requirements.platform);
    kind.forbid_emulation = requirements.forbid_emulation;
  }
  kind.picky = requirements.spread != Spread::kNone;
  kind.spare = requirements.spare;
  kind.weight = WeightOf(requirements.use);
  return kind;
}

void Scheduler::BeginIn(NativeBacklog& backlog, Task& task, absl::Time now) {
  if (!pools_.Executes(task.worker, task.kind.platform, Way::kNative)) return;
  const std::optional<absl::Duration>& lasts = task.requirements.time.native;
  task.native_until = lasts ? now + *lasts : absl::InfiniteFuture();
  backlog.Begin(*task.native_until);
}

void Scheduler::OpenBacklog(const std::string& platform, absl::Time now) {
  const auto [entry, fresh] = backlogs_.try_emplace(platform, options_.emulation);
  if (!fresh) return;
  for (auto& [id, task] : tasks_) {
    if (task.kind.platform != platform) continue;
    if (task.lease == 0) {
      if (!task.kind.spare) entry->second.Add(WaitingOf(id, task));
    } else {
      BeginIn(entry->second, task, now);
    }
  }
}

NativeBacklog::Waiting Scheduler::WaitingOf(TaskId id, const Task& task) {
  return {id, task.rank, task.requirements.time, task.kind.forbid_emulation, task.queued_at};
}

void Scheduler::PutInQueue(TaskId id, const Task& task) {
  Queue& queue = queues_[task.kind];
  queue.tasks.emplace(task.rank, id);
  load_.Queue(task.kind.platform, task.queued_at);
  if (task.kind.picky) queue.avoided.insert(CountAvoided(task.requirements));
  if (task.kind.spare) return;  // nobody waits behind it
  const auto backlog = backlogs_.find(task.kind.platform);
  if (backlog != backlogs_.end()) backlog->second.Add(WaitingOf(id, task));
}

void Scheduler::TakeFromQueue(TaskId id, const Task& task) {
  Queue& queue = queues_.at(task.kind);
  queue.tasks.erase(task.rank);
  load_.Unqueue(task.kind.platform, task.queued_at);
  if (task.kind.picky) queue.avoided.erase(queue.avoided.find(CountAvoided(task.requirements)));
  if (task.kind.spare) return;
  const auto backlog = backlogs_.find(task.kind.platform);
  if (backlog != backlogs_.end()) backlog->second.Remove(WaitingOf(id, task));
}

void Scheduler::Enqueue(TaskId id, Requirements requirements, absl::Time now) {
  MutexLock lock(mutex_);
  Task task;
  task.kind = KindOf(requirements);
  task.requirements = std::move(requirements);
  task.rank = RankOf(now, task.requirements.path, next_place_++);
  task.rank.spare = task.kind.spare;
  task.queued_at = now;
  PutInQueue(id, tasks_[id] = std::move(task));
}

void Scheduler::Restore(LeaseNumber lease, TaskId id, Requirements requirements, const std::string& worker,
                        absl::Time now) {
  MutexLock lock(mutex_);
  Worker& holder = workers_[worker];
  if (!holder.connected) {
    holder.info.set_name(worker);
    holder.last_seen = now;
  }
  Task task;
  task.kind = KindOf(requirements);
  task.requirements = std::move(requirements);
  task.lease = lease;
  task.worker = worker;
  tasks_[id] = std::move(task);
  Hold(holder, lease, id, now);
}

void Scheduler::Avoid(TaskId id, const Places& places) {
  MutexLock lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || found->second.lease != 0) return;
  Task& task = found->second;
  TakeFromQueue(id, task);
  task.requirements.avoid = places;
  PutInQueue(id, task);
}

void Scheduler::Settle(TaskId id) {
  MutexLock lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || spare_leases_.erase(found->second.lease) == 0) return;
  found->second.requirements.spare = false;
  found->second.kind.spare = false;
}

void Scheduler::Made(const std::string& worker, const LayerSize& layer) {
  MutexLock lock(mutex_);
  const auto found = workers_.find(worker);
  if (found != workers_.end() && found->second.present) layers_.Note(worker, layer);
}

void Scheduler::Remove(TaskId id) {
  MutexLock lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  if (found->second.lease != 0) Drop(workers_.at(found->second.worker), found->second.lease);
  Erase(id);
}

absl::Status Scheduler::Check(LeaseNumber lease, const std::string& worker) const {
  MutexLock lock(mutex_);
  auto it = lease_workers_.find(lease);
  if (it != lease_workers_.end() && it->second == worker) return absl::OkStatus();
  return absl::AbortedError(fmt::format("lease {} is no longer held by worker {}", lease, worker));
}

void Scheduler::Finish(LeaseNumber lease) {
  MutexLock lock(mutex_);
  const auto holder = lease_workers_.find(lease);
  if (holder == lease_workers_.end()) return;
  Worker& worker = workers_.at(holder->second);
  const TaskId task = worker.leases[lease];
  Drop(worker, lease);
  Erase(task);
}

void Scheduler::Lose(Worker& worker, LeaseNumber lease, std::string reason) {
  const TaskId task = worker.leases[lease];
  Drop(worker, lease);
  Erase(task);
  lost_.push_back(LostLease{lease, task, worker.info.name(), std::move(reason)});
}

std::vector<LostLease> Scheduler::Expire(absl::Time now) {
  MutexLock lock(mutex_);
  const uint64_t changes = options_.drained == nullptr ? 0 : options_.drained->changes();
  if (std::exchange(drained_changes_, changes) != changes) {
    if (options_.changes != nullptr) options_.changes->Note();
    for (auto& [name, worker] : workers_) {
      worker.drained = options_.drained->GetsNone(name);
      worker.distrusted = options_.drained->IsDistrusted(name);
      // What it would still say is not believed: others begin anew at once.
      while (worker.distrusted && !worker.leases.empty())
        Lose(worker, worker.leases.begin()->first, fmt::format("worker {} is distrusted", name));
      Refresh(worker);
    }
  }
  const uint64_t healthier = options_.health == nullptr ? 0 : options_.health->changes();
  if (std::exchange(health_changes_, healthier) != healthier || now >= next_rest_end_) {
    if (options_.changes != nullptr) options_.changes->Note();
    for (auto& [name, worker] : workers_) {
      worker.unfit = options_.health->Find(name, now);
      Refresh(worker);
    }
    next_rest_end_ = options_.health->NextChange(now);
  }
  if (now < next_expiry_) return std::exchange(lost_, {});
  // Whoever is heard later expires later.
  next_expiry_ = now + options_.worker_timeout;
  for (auto& [name, worker] : workers_) {
    if (now - worker.last_seen < options_.worker_timeout) {
      next_expiry_ = std::min(next_expiry_, worker.last_seen + options_.worker_timeout);
      continue;
    }
    if (!worker.connected && !worker.present && worker.leases.empty()) continue;
    if (worker.connected && options_.changes != nullptr) options_.changes->Note();
    worker.silent = worker.silent || worker.connected;
    worker.connected = false;
    Depart(worker);
    while (!worker.leases.empty()) {
      Lose(worker, worker.leases.begin()->first,
           fmt::format("worker {} was silent for {}", name,
                       Sv(absl::FormatDuration(options_.worker_timeout))));
    }
    Refresh(worker);
  }
  std::sort(lost_.begin(), lost_.end(),
            [](const LostLease& left, const LostLease& right) { return left.lease < right.lease; });
  return std::exchange(lost_, {});
}

std::vector<std::string> Scheduler::TakeDeparted() {
  MutexLock lock(mutex_);
  return std::exchange(departed_, {});
}

// ---- looking ----

std::set<LeaseNumber> Scheduler::LeasesOf(const std::string& worker) const {
  MutexLock lock(mutex_);
  std::set<LeaseNumber> leases;
  auto it = workers_.find(worker);
  if (it == workers_.end()) return leases;
  for (const auto& [lease, task] : it->second.leases) leases.insert(lease);
  return leases;
}

SchedulerStatus Scheduler::Status() const {
  MutexLock lock(mutex_);
  SchedulerStatus all;
  for (const auto& [name, worker] : workers_) {
    // As it was said, though the next round of placing may not have seen it.
    const bool drained = options_.drained != nullptr && options_.drained->GetsNone(name);
    all.workers.push_back(WorkerStatus{worker.info, worker.connected, worker.draining || drained, drained,
                                       worker.last_seen, worker.leases, worker.unfit, worker.layers_bytes,
                                       worker.caches_bytes});
  }
  std::sort(all.workers.begin(), all.workers.end(), [](const WorkerStatus& left, const WorkerStatus& right) {
    return left.info.name() < right.info.name();
  });
  for (const auto& [kind, queue] : queues_) all.queued += static_cast<int64_t>(queue.tasks.size());
  all.platforms = load_.All();
  return all;
}

v1::WorkerInfo Scheduler::InfoOf(const std::string& worker) const {
  MutexLock lock(mutex_);
  const auto found = workers_.find(worker);
  return found == workers_.end() ? v1::WorkerInfo() : found->second.info;
}

}  // namespace crossmill::core
