#include "coordinator/core/scheduler.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/words/platform.h"

namespace crossmill::core {
namespace {

constexpr size_t kMostIdleRealms = 32;

}  // namespace

Scheduler::Scheduler(SchedulerOptions options, NewLease new_lease)
    : options_(options),
      new_lease_(std::move(new_lease)),
      shares_(options.projects, std::clamp(options.verify_reserve, 0.0, 1.0)) {}

// ---- workers ----

std::set<LeaseNumber> Scheduler::Connect(const v1::WorkerInfo& info, const std::set<LeaseNumber>& reported,
                                         bool draining, absl::Time now) {
  MutexLock lock(mutex_);
  told_ = std::max(told_, now);
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
  if (options_.drained != nullptr) worker.Follow(*options_.drained);
  worker.SetPlaces(realms_);
  any_cordoned_ = any_cordoned_ || worker.cordoned_after;
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

void Scheduler::Worker::Follow(const DrainedWorkers& operators) {
  drained = operators.GetsNone(info.name());
  distrusted = operators.IsDistrusted(info.name());
  cordoned_after = operators.CordonedAfter(info.name());
}

void Scheduler::Worker::SetPlaces(const std::map<std::string, LiveRealm>& realms) {
  native.clear();
  emulated.clear();
  const auto add = [&](const std::string& realm) {
    // What executes nothing of a platform waits in the realm itself.
    if (!realm.empty()) native.push_back(PlaceOf(realm, ""));
    for (const v1::PlatformSupport& support : info.platforms()) {
      (support.emulated() ? emulated : native).push_back(PlaceOf(realm, FormatPlatform(support.platform())));
    }
  };
  add("");
  for (const auto& [key, live] : realms) {
    if (Contains(live.realm, info)) add(key);
  }
  const auto first = std::find_if(info.platforms().begin(), info.platforms().end(),
                                  [](const v1::PlatformSupport& support) { return !support.emulated(); });
  capacity = fmt::format("{} {}", info.pool(),
                         first == info.platforms().end() ? "" : FormatPlatform(first->platform()));
}

void Scheduler::EnterRealm(const Realm& realm, absl::Time now) {
  if (realm.IsEverywhere()) return;
  const auto [entry, fresh] = realms_.try_emplace(KeyOf(realm), LiveRealm{realm});
  ++entry->second.tasks;
  if (!fresh) return;
  // Those that nobody is confined to any more are kept for the next tasks of their builds, some of them.
  if (realms_.size() > kMostIdleRealms)
    std::erase_if(realms_, [](const auto& each) { return each.second.tasks == 0; });
  for (auto& [name, worker] : workers_) {
    worker.SetPlaces(realms_);
    Refresh(worker);
    for (const std::string& place : worker.emulated) OpenBacklog(place, now);
  }
  std::erase_if(backlogs_, [&](const auto& backlog) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const size_t end = backlog.first.find('\n');
    return end != std::string::npos && !realms_.contains(backlog.first.substr(0, end));
  });
}

void Scheduler::Heartbeat(const std::string& worker, absl::Time now) {
  MutexLock lock(mutex_);
  told_ = std::max(told_, now);
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

void Scheduler::Report(const std::string& worker, const v1::HostLoad& load, absl::Time now,
                       std::optional<absl::Duration> clock_ahead) {
  MutexLock lock(mutex_);
  auto it = workers_.find(worker);
  if (it == workers_.end()) return;
  const std::string& host = it->second.info.host_id();
  hosts_[host].room.Report(load, now);
  it->second.layers_bytes = load.layers_bytes();
  it->second.caches_bytes = load.caches_bytes();
  if (clock_ahead) it->second.clock.Take(*clock_ahead);
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

absl::Status Scheduler::RemoveWorker(const std::string& name) {
  MutexLock lock(mutex_);
  const auto found = workers_.find(name);
  if (found == workers_.end()) return absl::NotFoundError(fmt::format("no worker is called '{}'", name));
  Worker& worker = found->second;
  if (worker.connected) {
    return absl::FailedPreconditionError(
        fmt::format("worker {} is connected: drain it, and stop it when it has ended what it runs; then it "
                    "can be removed",
                    name));
  }
  while (!worker.leases.empty())
    Lose(worker, worker.leases.begin()->first, fmt::format("worker {} was removed", name));
  // Told even of one that had departed: it is taken out of the record.
  worker.present = true;
  Depart(worker);
  Refresh(worker);
  pools_.Remove(name);
  if (const auto host = hosts_.find(worker.info.host_id()); host != hosts_.end()) {
    host->second.workers.erase(name);
    if (host->second.workers.empty()) hosts_.erase(host);
  }
  workers_.erase(found);
  return absl::OkStatus();
}

void Scheduler::Depart(Worker& worker) {
  if (!std::exchange(worker.present, false)) return;
  if (options_.changes != nullptr) options_.changes->Note();
  departed_.push_back(worker.info.name());
  layers_.Forget(worker.info.name());
}

void Scheduler::Refresh(Worker& worker) {
  const v1::WorkerInfo& info = worker.info;
  const HostRoom& room = hosts_[info.host_id()].room;
  WorkerStanding standing;
  standing.host = info.host_id();
  standing.native = worker.native;
  standing.emulated = worker.emulated;
  const bool comes_back =
      !worker.unfit || worker.unfit->until < absl::InfiniteFuture() || !worker.leases.empty();
  standing.present = worker.present && comes_back && !worker.distrusted;
  standing.staying =
      standing.present && !worker.draining && !worker.drained && !worker.cordoned_after.has_value();
  standing.capacity = worker.capacity;
  standing.tasks = static_cast<uint32_t>(worker.leases.size());
  standing.fullness = static_cast<double>(standing.tasks) / std::max(1u, info.slots());
  if (info.slots_by_load()) standing.fullness = std::max(standing.fullness, room.Used() / room.cpus());
  standing.open = worker.connected && !worker.draining && !worker.drained && !worker.unfit &&
                  Admits(worker, ExpectedUse{0.0, 1});
  capacities_moved_ = pools_.Update(info.name(), standing) || capacities_moved_;
  // Of a machine whose tasks follow its load, processors are what there is to share.
  const int64_t slots = info.slots_by_load() ? std::max(1u, info.cpus()) : info.slots();
  std::pair<std::string, int64_t> counted{worker.capacity, standing.staying ? slots : 0};
  if (counted == worker.counted_slots) return;
  shares_.AddSlots(worker.counted_slots.first, -worker.counted_slots.second);
  shares_.AddSlots(counted.first, counted.second);
  worker.counted_slots = std::move(counted);
}

void Scheduler::RefreshWith(Worker& worker) {
  if (!worker.info.slots_by_load()) Refresh(worker);
  RefreshHost(worker.info.host_id());
}

void Scheduler::RefreshHost(const std::string& host) {
  for (const std::string& name : hosts_[host].workers) {
    Worker& worker = workers_.at(name);
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
  load_.Begin(PlatformOf(held.requirements));
  if (requirements.group != 0) groups_[requirements.group].insert(task);
  if (requirements.spare) spare_leases_[lease] = task;
  hosts_[worker.info.host_id()].room.Add(lease, requirements.use, now);
  shares_.Begin(lease, {requirements.project, worker.capacity, requirements.spare, requirements.group != 0},
                now);
  for (const LayerSize& layer : requirements.layers) layers_.Note(worker.info.name(), layer);
  const auto backlog = backlogs_.find(held.kind.place);
  if (backlog != backlogs_.end()) BeginIn(backlog->second, held, now);
  RefreshWith(worker);
}

void Scheduler::Drop(Worker& worker, LeaseNumber lease) {
  Task& task = tasks_.at(worker.leases.at(lease));
  const auto backlog = backlogs_.find(task.kind.place);
  if (task.native_until && backlog != backlogs_.end()) backlog->second.End(*task.native_until);
  task.native_until.reset();
  shares_.End(lease, told_);
  if (options_.changes != nullptr) options_.changes->Note();
  worker.leases.erase(lease);
  lease_workers_.erase(lease);
  load_.End(PlatformOf(task.requirements));
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
  if (const auto realm = realms_.find(KeyOf(task.requirements.realm)); realm != realms_.end())
    --realm->second.tasks;
  tasks_.erase(found);
}

void Scheduler::BeginIn(NativeBacklog& backlog, Task& task, absl::Time now) {
  if (!pools_.Executes(task.worker, task.kind.place, Way::kNative)) return;
  const std::optional<absl::Duration>& lasts = task.requirements.time.native;
  task.native_until = lasts ? now + *lasts : absl::InfiniteFuture();
  backlog.Begin(*task.native_until);
}

void Scheduler::OpenBacklog(const std::string& platform, absl::Time now) {
  const auto [entry, fresh] = backlogs_.try_emplace(platform, options_.emulation);
  if (!fresh) return;
  for (auto& [id, task] : tasks_) {
    if (task.kind.place != platform) continue;
    if (task.lease == 0) {
      if (!task.kind.spare) entry->second.Add(WaitingOf(id, task));
    } else {
      BeginIn(entry->second, task, now);
    }
  }
}

void Scheduler::PutInQueue(TaskId id, const Task& task) {
  Queue& queue = queues_[task.kind];
  if (queue.tasks.empty()) {
    queue.capacity = pools_.CapacityOf(task.kind.place);
    shares_.Wait(task.kind.project, queue.capacity, task.kind.spare);
  }
  queue.tasks.emplace(task.rank, id);
  load_.Queue(PlatformOf(task.requirements), task.queued_at);
  if (task.kind.picky) queue.avoided.insert(CountAvoided(task.requirements));
  if (task.kind.spare) return;  // nobody waits behind it
  const auto backlog = backlogs_.find(task.kind.place);
  if (backlog != backlogs_.end()) backlog->second.Add(WaitingOf(id, task));
}

void Scheduler::TakeFromQueue(TaskId id, const Task& task) {
  Queue& queue = queues_.at(task.kind);
  queue.tasks.erase(task.rank);
  if (queue.tasks.empty()) shares_.StopWaiting(task.kind.project, queue.capacity, task.kind.spare);
  load_.Unqueue(PlatformOf(task.requirements), task.queued_at);
  if (task.kind.picky) queue.avoided.erase(queue.avoided.find(CountAvoided(task.requirements)));
  if (task.kind.spare) return;
  const auto backlog = backlogs_.find(task.kind.place);
  if (backlog != backlogs_.end()) backlog->second.Remove(WaitingOf(id, task));
}

void Scheduler::Enqueue(TaskId id, Requirements requirements, absl::Time now) {
  MutexLock lock(mutex_);
  told_ = std::max(told_, now);
  Task task;
  task.kind = KindOf(requirements);
  task.requirements = std::move(requirements);
  EnterRealm(task.requirements.realm, now);
  task.rank = RankOf(now, task.requirements.path, next_place_++, task.requirements.priority);
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
  told_ = std::max(told_, now);
  Task task;
  task.kind = KindOf(requirements);
  task.requirements = std::move(requirements);
  EnterRealm(task.requirements.realm, now);
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
  // Its project waits on meanwhile.
  const std::string capacity = queues_.at(task.kind).capacity;
  shares_.Wait(task.kind.project, capacity, task.kind.spare);
  TakeFromQueue(id, task);
  task.requirements.avoid = places;
  PutInQueue(id, task);
  shares_.StopWaiting(task.kind.project, capacity, task.kind.spare);
}

void Scheduler::Settle(TaskId id) {
  MutexLock lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || spare_leases_.erase(found->second.lease) == 0) return;
  found->second.requirements.spare = false;
  found->second.kind.spare = false;
  shares_.Settle(found->second.lease, told_);
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
  told_ = std::max(told_, now);
  const uint64_t changes = options_.drained == nullptr ? 0 : options_.drained->changes();
  if (std::exchange(drained_changes_, changes) != changes) {
    if (options_.changes != nullptr) options_.changes->Note();
    any_cordoned_ = false;
    for (auto& [name, worker] : workers_) {
      worker.Follow(*options_.drained);
      any_cordoned_ = any_cordoned_ || worker.cordoned_after;
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
    const bool cordoned = options_.drained != nullptr && options_.drained->CordonedAfter(name);
    all.workers.push_back(WorkerStatus{worker.info, worker.connected, worker.draining || drained, drained,
                                       cordoned, worker.last_seen, worker.leases, worker.unfit,
                                       worker.layers_bytes, worker.caches_bytes, worker.clock.Ahead()});
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
