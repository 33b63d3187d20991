// Scheduler: which worker gets which task, and which tasks nobody can run.
#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/core/scheduler.h"
#include "coordinator/core/step_history.h"

namespace crossmill::core {
namespace {

// Workers whose machines have no room for a task are passed over so often before it waits: the emptiest come
// first, so that further ones have hardly more.
constexpr int kMostRefusals = 8;

// So many of the emptiest workers, and so many that have layers of the task, are compared.
constexpr int kMostOffers = 3;

// Workers in a reason for people.
constexpr size_t kMostNamed = 5;

// Workers that a task must avoid are passed over so often.
constexpr int kMostAvoided = 256;

// Of a picky kind, and of those that should be emulated, so many are looked at in vain at a time.
constexpr int kMostInVain = 16;

// A task on a machine that is full takes so much longer than on an empty one.
constexpr double kCrowding = 0.5;

// Bytes of layers that a worker fetches and unpacks in a second, rather too few: a wire is shared.
constexpr double kFetchedInASecond = 64 << 20;

// A task that waited that long for room is placed as soon as there is any: else steps that use little, but
// without end, would keep one that wants a whole machine waiting for ever.
constexpr absl::Duration kPatience = absl::Seconds(30);

ExpectedUse NeededRoom(const ExpectedUse& use, absl::Duration waited) {
  if (waited < kPatience || !use.cpus) return use;
  return {std::min(*use.cpus, HostRoom::kUnseenCpus), use.memory};
}

}  // namespace

Avoided Scheduler::AvoidedBy(const Requirements& requirements) {
  Avoided avoided;
  if (requirements.spread == Spread::kHosts) avoided.hosts = &requirements.avoid.hosts;
  if (requirements.spread == Spread::kWorkers) avoided.workers = &requirements.avoid.workers;
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

std::optional<std::string> Scheduler::BestOf(const Task& task, Way way, absl::Time now) {
  const Requirements& requirements = task.requirements;
  const std::string& platform = task.kind.platform;
  if (!pools_.IsAnyOpen(platform, way)) return std::nullopt;
  const ExpectedUse room = NeededRoom(requirements.use, now - task.queued_at);
  const LayerPlaces::Wanted layers(layers_, requirements.layers);
  const absl::Duration lasts = requirements.time.By(way).value_or(kUnseenStep);
  std::optional<std::string> best;
  absl::Duration best_end;
  const auto consider = [&](const std::string& name) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const absl::Duration end =
        absl::Seconds(static_cast<double>(layers.MissingAt(name)) / kFetchedInASecond) +
        lasts * (1 + kCrowding * pools_.FullnessOf(name));
    if (best && end >= best_end) return;
    best = name;
    best_end = end;
  };
  int offered = 0;
  int refused = 0;
  int avoided = 0;
  pools_.Offer(platform, way, [&](const std::string& name) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const Worker& worker = workers_.at(name);
    if (!SpreadAllows(worker, requirements) || (requirements.spare && IsWaitedFor(worker))) {
      return ++avoided >= kMostAvoided;
    }
    if (!Admits(worker, room)) return ++refused >= kMostRefusals;
    consider(name);
    return layers.IsNowhere() || ++offered >= kMostOffers;
  });
  layers.ShowHolders(kMostOffers, turn_++, [&](const std::string& name) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!pools_.IsOpen(name) || !pools_.Executes(name, platform, way)) return;
    const Worker& worker = workers_.at(name);
    if (requirements.spare && IsWaitedFor(worker)) return;
    if (SpreadAllows(worker, requirements) && Admits(worker, room)) consider(name);
  });
  return best;
}

std::optional<Scheduler::Choice> Scheduler::Choose(const Task& task, absl::Time now) {
  if (auto native = BestOf(task, Way::kNative, now)) return Choice{*std::move(native), false};
  if (task.kind.platform.empty() || task.kind.forbid_emulation) return std::nullopt;
  // Whether it is better not to wait for them is asked of all that wait, in AssignEmulated.
  if (pools_.IsAnyStaying(task.kind.platform, Way::kNative, AvoidedBy(task.requirements)))
    return std::nullopt;
  if (auto emulated = BestOf(task, Way::kEmulated, now)) return Choice{*std::move(emulated), true};
  return std::nullopt;
}

Assignment Scheduler::Grant(TaskId id, Task& task, Choice choice, absl::Time now) {
  TakeFromQueue(id, task);
  task.lease = new_lease_(id, choice.worker);
  task.worker = choice.worker;
  task.unplaceable_since.reset();
  Hold(workers_.at(choice.worker), task.lease, id, now);
  return Assignment{task.lease, id, std::move(choice.worker), choice.emulated};
}

std::vector<Assignment> Scheduler::Assign(absl::Time now, std::vector<TaskId>* displaced) {
  MutexLock lock(mutex_);
  std::vector<Assignment> assignments;
  AssignQueued(false, now, &assignments);
  AssignEmulated(now, &assignments);
  if (displaced != nullptr) *displaced = InTheWay();
  AssignQueued(true, now, &assignments);
  std::erase_if(queues_, [](const auto& entry) { return entry.second.tasks.empty(); });
  return assignments;
}

bool Scheduler::IsWaitedFor(const Worker& worker) const {
  const std::string& name = worker.info.name();
  return std::any_of(queues_.begin(), queues_.end(), [&](const auto& entry) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const auto& [kind, queue] = entry;
    if (kind.spare || queue.tasks.empty()) return false;
    if (!pools_.Executes(name, kind.platform, Way::kNative) &&
        (kind.forbid_emulation || !pools_.Executes(name, kind.platform, Way::kEmulated))) {
      return false;
    }
    if (!kind.picky) return true;
    int looks = 0;
    return std::any_of(
        queue.tasks.begin(), queue.tasks.end(), [&](const auto& waiting) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          return ++looks > kMostInVain || SpreadAllows(worker, tasks_.at(waiting.second).requirements);
        });
  });
}

std::vector<TaskId> Scheduler::InTheWay() const {
  std::vector<TaskId> found;
  if (spare_leases_.empty()) return found;
  std::map<LeaseNumber, TaskId> left = spare_leases_;
  for (const auto& [kind, queue] : queues_) {
    if (kind.spare || queue.tasks.empty()) continue;
    const Requirements& requirements = tasks_.at(queue.tasks.begin()->second).requirements;
    if (requirements.group != 0) continue;
    const auto in_the_way =
        std::find_if(left.rbegin(), left.rend(), [&](const auto& spare) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          const Worker& worker = workers_.at(tasks_.at(spare.second).worker);
          return worker.connected && !worker.draining && !worker.drained && !worker.unfit &&
                 SpreadAllows(worker, requirements) &&
                 pools_.Executes(worker.info.name(), kind.platform, Way::kNative);
        });
    if (in_the_way == left.rend()) continue;
    found.push_back(in_the_way->second);
    left.erase(in_the_way->first);
  }
  return found;
}

void Scheduler::AssignQueued(bool spare, absl::Time now, std::vector<Assignment>* assignments) {
  // Of each queue the first that may still be placed, and how many were looked at in vain.
  struct Head {
    Queue* queue;
    int in_vain = 0;
  };
  std::map<QueueRank, Head> heads;
  for (auto& [kind, queue] : queues_) {
    if (kind.spare != spare || queue.tasks.empty()) continue;
    auto first = queue.tasks.begin();
    if (const auto resume = std::exchange(queue.resume, std::nullopt)) {
      first = queue.tasks.lower_bound(*resume);
      if (first == queue.tasks.end()) first = queue.tasks.begin();
    }
    heads.emplace(first->first, Head{&queue});
  }
  while (!heads.empty()) {
    auto [rank, head] = *heads.begin();
    heads.erase(heads.begin());
    const auto entry = head.queue->tasks.find(rank);
    const TaskId id = entry->second;
    Task& task = tasks_.at(id);
    const auto next = std::next(entry);
    std::optional<Choice> choice = Choose(task, now);
    const bool others_may =
        choice || (task.kind.picky && (pools_.IsAnyOpen(task.kind.platform, Way::kNative) ||
                                       pools_.IsAnyOpen(task.kind.platform, Way::kEmulated)));
    if (others_may && next != head.queue->tasks.end()) {
      if (!choice) ++head.in_vain;
      if (head.in_vain < kMostInVain) {
        heads.emplace(next->first, head);
      } else {
        head.queue->resume = next->first;
      }
    }
    if (choice) assignments->push_back(Grant(id, task, *std::move(choice), now));
  }
}

void Scheduler::AssignEmulated(absl::Time now, std::vector<Assignment>* assignments) {
  for (auto& [platform, backlog] : backlogs_) {
    int in_vain = 0;
    std::set<int> refused_weights;
    bool found = true;
    while (found && in_vain < kMostInVain && pools_.IsAnyOpen(platform, Way::kEmulated)) {
      found = false;
      for (const TaskId id : backlog.Better(now, pools_.CountPresent(platform, Way::kNative, nullptr))) {
        Task& task = tasks_.at(id);
        if (refused_weights.contains(task.kind.weight)) continue;
        if (auto worker = BestOf(task, Way::kEmulated, now)) {
          assignments->push_back(Grant(id, task, Choice{*std::move(worker), true}, now));
          found = true;
          break;
        }
        // Of those that are not picky one stands for all that use as much.
        if (!task.kind.picky) refused_weights.insert(task.kind.weight);
        if (++in_vain >= kMostInVain) break;
      }
    }
  }
}

bool Scheduler::IsPossible(const Kind& kind, const Requirements& requirements, bool with_drained) const {
  const Avoided avoided = AvoidedBy(requirements);
  const auto is_any = [&](Way way) {
    return with_drained ? pools_.IsAnyPresent(kind.platform, way, avoided)
                        : pools_.IsAnyStaying(kind.platform, way, avoided);
  };
  return is_any(Way::kNative) || (!kind.platform.empty() && !kind.forbid_emulation && is_any(Way::kEmulated));
}

// More hosts than anybody avoids (and as many workers at least): one is left for each.
bool Scheduler::AreAllPossible(const Kind& kind, const Queue& queue, bool with_drained) const {
  if (queue.unplaceable) return false;
  if (!kind.picky) return IsPossible(kind, tasks_.at(queue.tasks.begin()->second).requirements, with_drained);
  return pools_.CountHosts(kind.platform, Way::kNative, with_drained) > *queue.avoided.rbegin();
}

bool Scheduler::CanRun(const Requirements& requirements) const {
  MutexLock lock(mutex_);
  return IsPossible(KindOf(requirements), requirements);
}

std::vector<UnplaceableTask> Scheduler::Unplaceable(absl::Time now) {
  MutexLock lock(mutex_);
  std::vector<UnplaceableTask> found;
  const bool drained = options_.drained != nullptr && options_.drained->IsAny();
  for (auto& [kind, queue] : queues_) {
    if (kind.spare) continue;
    const bool all_possible = AreAllPossible(kind, queue);
    if (all_possible && (!drained || AreAllPossible(kind, queue, false))) continue;
    queue.unplaceable = false;
    for (const auto& [place, id] : queue.tasks) {
      Task& task = tasks_.at(id);
      if (IsPossible(kind, task.requirements)) {
        task.unplaceable_since.reset();
        if (!drained || IsPossible(kind, task.requirements, false)) {
          task.wait_told = false;
          // One stands for all of its kind.
          if (all_possible && !kind.picky) break;
          continue;
        }
        // Told once: there may be very many, for hours.
        if (!std::exchange(task.wait_told, true))
          found.push_back(UnplaceableTask{id, WhyUnplaceable(task), absl::InfiniteFuture()});
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
  const size_t present = pools_.CountPresent("", Way::kNative, nullptr);
  std::set<std::string> hosts;
  std::set<std::string>* const wanted = task.kind.picky ? &hosts : nullptr;
  size_t capable = pools_.CountPresent(task.kind.platform, Way::kNative, wanted);
  if (!task.kind.forbid_emulation) capable += pools_.CountPresent(task.kind.platform, Way::kEmulated, wanted);
  std::string unfit;
  std::vector<std::string> drained;
  for (const auto& [name, worker] : workers_) {
    if (!worker.present) continue;
    if (worker.distrusted) {
      unfit += fmt::format("; worker {} takes none: it is distrusted", name);
    } else if (worker.unfit) {
      unfit += fmt::format("; worker {} takes none: {}", name, worker.unfit->reason);
    }
    // One may be both.
    if (worker.drained && !worker.distrusted && SpreadAllows(worker, requirements) &&
        (pools_.Executes(name, task.kind.platform, Way::kNative) ||
         (!task.kind.forbid_emulation && pools_.Executes(name, task.kind.platform, Way::kEmulated)))) {
      drained.push_back(name);
    }
  }
  if (IsPossible(task.kind, requirements)) {
    if (drained.empty()) return fmt::format("whoever could run {} is stopping", requirements.description);
    const size_t named = std::min(drained.size(), kMostNamed);
    const size_t more = drained.size() - named;
    drained.resize(named);
    return fmt::format(
        "whoever could run {} gets no new tasks (drained: {}{}); `crossmill worker undrain` "
        "lets it go on",
        requirements.description, absl::StrJoin(drained, ", "),
        more == 0 ? "" : fmt::format(" and {} more", more));
  }
  if (present == 0)
    return fmt::format("no worker is connected that could run {}{}", requirements.description, unfit);
  if (capable == 0) {
    return fmt::format("none of the {} connected workers can run {}{}{}", present, platform,
                       requirements.forbid_emulation ? " without emulation" : "", unfit);
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

}  // namespace crossmill::core
