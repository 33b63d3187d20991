#include "coordinator/core/scheduler.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/words/platform.h"

namespace crossmill::core {
namespace {

// Workers whose machines have no room for a task are passed over so often before it waits: the emptiest come
// first, so that further ones have hardly more.
constexpr int kMostRefusals = 8;

// How much fuller than the emptiest worker the one that has the layers may be.
constexpr double kCrowding = 0.25;

// A task that waited that long for room is placed as soon as there is any: else steps that use little, but
// without end, would keep one that wants a whole machine waiting for ever.
constexpr absl::Duration kPatience = absl::Seconds(30);

ExpectedUse NeededRoom(const ExpectedUse& use, absl::Duration waited) {
  if (waited < kPatience || !use.cpus) return use;
  return {std::min(*use.cpus, HostRoom::kUnseenCpus), use.memory};
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
  Host& before = hosts_[worker.info.host_id()];
  before.workers.erase(worker.info.name());
  for (const auto& [lease, task] : worker.leases) before.room.Remove(lease);
  if (before.workers.empty()) hosts_.erase(worker.info.host_id());
  worker.info = info;
  worker.native.clear();
  worker.emulated.clear();
  for (const v1::PlatformSupport& support : info.platforms()) {
    (support.emulated() ? worker.emulated : worker.native).push_back(FormatPlatform(support.platform()));
  }
  Host& host = hosts_[info.host_id()];
  host.workers.insert(info.name());
  host.room.SetCpus(std::max(1u, info.cpus()));
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
  RefreshHost(host);
}

void Scheduler::Disconnect(const std::string& worker, absl::Time now) {
  MutexLock lock(mutex_);
  auto it = workers_.find(worker);
  if (it == workers_.end()) return;
  it->second.connected = false;
  it->second.silent = false;
  it->second.last_seen = now;
  if (it->second.draining) Depart(it->second);
  Refresh(it->second);
}

void Scheduler::Depart(Worker& worker) {
  if (std::exchange(worker.present, false)) departed_.push_back(worker.info.name());
}

void Scheduler::Refresh(const Worker& worker) {
  const v1::WorkerInfo& info = worker.info;
  const HostRoom& room = hosts_[info.host_id()].room;
  WorkerStanding standing;
  standing.host = info.host_id();
  standing.native = worker.native;
  standing.emulated = worker.emulated;
  standing.present = worker.present;
  standing.staying = worker.present && !worker.draining;
  standing.tasks = static_cast<uint32_t>(worker.leases.size());
  standing.fullness = static_cast<double>(standing.tasks) / std::max(1u, info.slots());
  if (info.slots_by_load()) standing.fullness = std::max(standing.fullness, room.Used() / room.cpus());
  standing.open = worker.connected && !worker.draining && Admits(worker, ExpectedUse{0.0, 1});
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
  const Requirements& requirements = tasks_.at(task).requirements;
  worker.leases[lease] = task;
  lease_workers_[lease] = worker.info.name();
  if (requirements.group != 0) groups_[requirements.group].insert(task);
  hosts_[worker.info.host_id()].room.Add(lease, requirements.use, now);
  RefreshWith(worker);
}

void Scheduler::Drop(Worker& worker, LeaseNumber lease) {
  worker.leases.erase(lease);
  lease_workers_.erase(lease);
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
    const auto queue = queues_.find(task.kind);
    queue->second.tasks.erase(task.place);
    if (queue->second.tasks.empty()) queues_.erase(queue);
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
  kind.weight = WeightOf(requirements.use);
  kind.knows_emulated_time = requirements.emulated_time.has_value();
  return kind;
}

void Scheduler::Enqueue(TaskId id, Requirements requirements, absl::Time now) {
  MutexLock lock(mutex_);
  Task task;
  task.kind = KindOf(requirements);
  task.requirements = std::move(requirements);
  task.place = next_place_++;
  task.queued_at = now;
  queues_[task.kind].tasks.emplace(task.place, id);
  tasks_[id] = std::move(task);
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
  if (now < next_expiry_) return std::exchange(lost_, {});
  // Whoever is heard later expires later.
  next_expiry_ = now + options_.worker_timeout;
  for (auto& [name, worker] : workers_) {
    if (now - worker.last_seen < options_.worker_timeout) {
      next_expiry_ = std::min(next_expiry_, worker.last_seen + options_.worker_timeout);
      continue;
    }
    if (!worker.connected && !worker.present && worker.leases.empty()) continue;
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
  return std::exchange(lost_, {});
}

std::vector<std::string> Scheduler::TakeDeparted() {
  MutexLock lock(mutex_);
  return std::exchange(departed_, {});
}

// ---- placing ----

Avoided Scheduler::AvoidedBy(const Requirements& requirements) {
  Avoided avoided;
  if (requirements.spread == Spread::kHosts) avoided.hosts = &requirements.excluded_hosts;
  if (requirements.spread == Spread::kWorkers) avoided.workers = &requirements.excluded_workers;
  return avoided;
}

bool Scheduler::SpreadAllows(const Worker& worker, const Requirements& requirements) const {
  const Avoided avoided = AvoidedBy(requirements);
  if (avoided.hosts != nullptr && avoided.hosts->contains(worker.info.host_id())) return false;
  if (avoided.workers != nullptr && avoided.workers->contains(worker.info.name())) return false;
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

bool Scheduler::Admits(const Worker& worker, const ExpectedUse& use) const {
  const size_t tasks = worker.leases.size();
  if (tasks >= worker.info.slots()) return false;
  if (!worker.info.slots_by_load() || tasks < std::max(1u, worker.info.cpus() / 2)) return true;
  return hosts_.at(worker.info.host_id()).room.Admits(use);
}

std::string Scheduler::Preferred(const Task& task, const std::string& emptiest) const {
  const auto found = workers_.find(task.requirements.preferred_worker);
  if (found == workers_.end()) return emptiest;
  const Worker& worker = found->second;
  const std::vector<std::string>& native = worker.native;
  const bool able = worker.connected && !worker.draining &&
                    (task.kind.platform.empty() ||
                     std::find(native.begin(), native.end(), task.kind.platform) != native.end()) &&
                    SpreadAllows(worker, task.requirements) && Admits(worker, task.requirements.use) &&
                    pools_.FullnessOf(worker.info.name()) <= pools_.FullnessOf(emptiest) + kCrowding;
  return able ? worker.info.name() : emptiest;
}

bool Scheduler::WaitedTooLong(const Task& task, absl::Time now) const {
  return options_.emulate_after > 0 && task.requirements.emulated_time &&
         now - task.queued_at >= *task.requirements.emulated_time * options_.emulate_after;
}

std::optional<Scheduler::Choice> Scheduler::Choose(const Task& task, absl::Time now) const {
  const Requirements& requirements = task.requirements;
  const ExpectedUse room = NeededRoom(requirements.use, now - task.queued_at);
  std::string found;
  const auto search = [&](bool emulated) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    int refused = 0;
    pools_.Offer(task.kind.platform, emulated, [&](const std::string& name) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      const Worker& worker = workers_.at(name);
      if (!SpreadAllows(worker, requirements)) return false;
      if (!Admits(worker, room)) return ++refused >= kMostRefusals;
      found = name;
      return true;
    });
    return !found.empty();
  };
  if (search(false)) return Choice{Preferred(task, found), false};
  if (task.kind.platform.empty() || task.kind.forbid_emulation) return std::nullopt;
  if (!WaitedTooLong(task, now) && pools_.IsAnyStaying(task.kind.platform, false, AvoidedBy(requirements))) {
    return std::nullopt;
  }
  if (search(true)) return Choice{found, true};
  return std::nullopt;
}

Assignment Scheduler::Grant(TaskId id, Task& task, Choice choice, absl::Time now) {
  queues_.at(task.kind).tasks.erase(task.place);
  task.lease = new_lease_(id, choice.worker);
  task.worker = choice.worker;
  task.unplaceable_since.reset();
  Hold(workers_.at(choice.worker), task.lease, id, now);
  return Assignment{task.lease, id, std::move(choice.worker), choice.emulated};
}

std::vector<Assignment> Scheduler::Assign(absl::Time now) {
  MutexLock lock(mutex_);
  // The first of each queue that may still be placed, the oldest of all first.
  std::map<uint64_t, Queue*> heads;
  for (auto& [kind, queue] : queues_) heads.emplace(queue.tasks.begin()->first, &queue);
  std::vector<Assignment> assignments;
  while (!heads.empty()) {
    const auto [place, queue] = *heads.begin();
    heads.erase(heads.begin());
    const auto entry = queue->tasks.find(place);
    const TaskId id = entry->second;
    Task& task = tasks_.at(id);
    const auto next = std::next(entry);
    std::optional<Choice> choice = Choose(task, now);
    const bool others_may = choice || (task.kind.picky && (pools_.IsAnyOpen(task.kind.platform, false) ||
                                                           pools_.IsAnyOpen(task.kind.platform, true)));
    if (others_may && next != queue->tasks.end()) heads.emplace(next->first, queue);
    if (choice) assignments.push_back(Grant(id, task, *std::move(choice), now));
  }
  std::erase_if(queues_, [](const auto& entry) { return entry.second.tasks.empty(); });
  return assignments;
}

bool Scheduler::IsPossible(const Kind& kind, const Requirements& requirements) const {
  const Avoided avoided = AvoidedBy(requirements);
  return pools_.IsAnyPresent(kind.platform, false, avoided) ||
         (!kind.platform.empty() && !kind.forbid_emulation &&
          pools_.IsAnyPresent(kind.platform, true, avoided));
}

bool Scheduler::CanRun(const Requirements& requirements) const {
  MutexLock lock(mutex_);
  return IsPossible(KindOf(requirements), requirements);
}

std::vector<UnplaceableTask> Scheduler::Unplaceable(absl::Time now) {
  MutexLock lock(mutex_);
  std::vector<UnplaceableTask> found;
  for (auto& [kind, queue] : queues_) {
    // One stands for all that are not picky.
    if (!kind.picky && !queue.unplaceable &&
        IsPossible(kind, tasks_.at(queue.tasks.begin()->second).requirements)) {
      continue;
    }
    queue.unplaceable = false;
    for (const auto& [place, id] : queue.tasks) {
      Task& task = tasks_.at(id);
      if (IsPossible(kind, task.requirements)) {
        task.unplaceable_since.reset();
        continue;
      }
      queue.unplaceable = true;
      if (!task.unplaceable_since) task.unplaceable_since = now;
      found.push_back(UnplaceableTask{id, WhyUnplaceable(task), *task.unplaceable_since});
    }
  }
  return found;
}

std::string Scheduler::WhyUnplaceable(const Task& task) const {
  const Requirements& requirements = task.requirements;
  const std::string platform = FormatPlatform(requirements.platform);
  const size_t present = pools_.CountPresent("", false, nullptr);
  std::set<std::string> hosts;
  std::set<std::string>* const wanted = task.kind.picky ? &hosts : nullptr;
  size_t capable = pools_.CountPresent(task.kind.platform, false, wanted);
  if (!task.kind.forbid_emulation) capable += pools_.CountPresent(task.kind.platform, true, wanted);
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

// ---- looking ----

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

v1::WorkerInfo Scheduler::InfoOf(const std::string& worker) const {
  MutexLock lock(mutex_);
  const auto found = workers_.find(worker);
  return found == workers_.end() ? v1::WorkerInfo() : found->second.info;
}

}  // namespace crossmill::core
