// Scheduler: which worker gets which task.
#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "coordinator/core/scheduler.h"
#include "coordinator/core/step_history.h"

namespace crossmill::core {
namespace {

// Workers whose machines have no room for a task are passed over so often before it waits: the emptiest come
// first, so that further ones have hardly more.
constexpr int kMostRefusals = 8;

// So many of the emptiest workers, and so many that have layers of the task, are compared.
constexpr int kMostOffers = 3;

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

// Of the kinds that are not spare and may have another task running: one stands for all that differ in
// nothing but the project, unless they are looked at one by one.
std::vector<std::pair<const TaskKind*, const TaskQueue*>> KindsThatWait(
    const std::map<TaskKind, TaskQueue>& queues, const ProjectShares& shares) {
  std::vector<std::pair<const TaskKind*, const TaskQueue*>> kinds;
  for (const auto& [kind, queue] : queues) {
    if (kind.spare || queue.tasks.empty()) continue;
    if (!kinds.empty() && kinds.back().first->IsLikeButForProject(kind) && !kind.picky) continue;
    if (!shares.MayRun(kind.project)) continue;
    kinds.emplace_back(&kind, &queue);
  }
  return kinds;
}

ExpectedUse NeededRoom(const ExpectedUse& use, absl::Duration waited) {
  if (waited < kPatience || !use.cpus) return use;
  return {std::min(*use.cpus, HostRoom::kUnseenCpus), use.memory};
}

}  // namespace

bool Scheduler::SpreadAllows(const Worker& worker, const Requirements& requirements) const {
  if (worker.cordoned_after && requirements.build > *worker.cordoned_after) return false;
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

std::optional<std::string> Scheduler::BestOf(const Task& task, Way way, absl::Time now, bool yields) {
  const Requirements& requirements = task.requirements;
  const std::string& platform = task.kind.place;
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
    if (!SpreadAllows(worker, requirements) || (yields && IsWaitedFor(worker))) {
      return ++avoided >= kMostAvoided;
    }
    if (!Admits(worker, room)) return ++refused >= kMostRefusals;
    consider(name);
    return layers.IsNowhere() || ++offered >= kMostOffers;
  });
  layers.ShowHolders(kMostOffers, turn_++, [&](const std::string& name) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!pools_.IsOpen(name) || !pools_.Executes(name, platform, way)) return;
    const Worker& worker = workers_.at(name);
    if (yields && IsWaitedFor(worker)) return;
    if (SpreadAllows(worker, requirements) && Admits(worker, room)) consider(name);
  });
  return best;
}

std::optional<Scheduler::Choice> Scheduler::Choose(const Task& task, absl::Time now, bool yields) {
  if (auto native = BestOf(task, Way::kNative, now, yields)) return Choice{*std::move(native), false};
  if (task.kind.neutral || task.kind.forbid_emulation) return std::nullopt;
  // Whether it is better not to wait for them is asked of all that wait, in AssignEmulated.
  if (pools_.IsAnyStaying(task.kind.place, Way::kNative, AvoidedBy(task.requirements))) return std::nullopt;
  if (auto emulated = BestOf(task, Way::kEmulated, now, yields)) return Choice{*std::move(emulated), true};
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
  told_ = std::max(told_, now);
  shares_.Advance(told_);
  // Each queue waits by the clock of who would execute it as workers are now.
  if (std::exchange(capacities_moved_, false)) {
    for (auto& [kind, queue] : queues_) {
      std::string capacity = pools_.CapacityOf(kind.place);
      if (queue.tasks.empty() || capacity == queue.capacity) continue;
      shares_.StopWaiting(kind.project, queue.capacity, kind.spare);
      shares_.Wait(kind.project, capacity, kind.spare);
      queue.capacity = std::move(capacity);
    }
  }
  std::vector<Assignment> assignments;
  if (options_.verify_reserve > 0) AssignQueued(Pass::kReserved, now, &assignments);
  AssignQueued(Pass::kOrdinary, now, &assignments);
  AssignEmulated(now, &assignments);
  if (displaced != nullptr) *displaced = InTheWay();
  const bool any_spare = std::any_of(queues_.begin(), queues_.end(), [](const auto& entry) {
    return entry.first.spare && !entry.second.tasks.empty();
  });
  if (any_spare) {
    waited_ = KindsThatWait(queues_, shares_);
    AssignQueued(Pass::kSpare, now, &assignments);
    waited_.clear();
  }
  std::erase_if(queues_, [](const auto& entry) { return entry.second.tasks.empty(); });
  return assignments;
}

bool Scheduler::IsWaitedFor(const Worker& worker) const {
  const std::string& name = worker.info.name();
  int looks_at_all = 0;
  return std::any_of(waited_.begin(), waited_.end(), [&](const auto& entry) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const auto& [kind, queue] = entry;
    if (!pools_.Executes(name, kind->place, Way::kNative) &&
        (kind->forbid_emulation || !pools_.Executes(name, kind->place, Way::kEmulated))) {
      return false;
    }
    if (!kind->picky) return true;
    int looks = 0;
    return std::any_of(queue->tasks.begin(), queue->tasks.end(),
                       [&](const auto& waiting) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                         return ++looks > kMostInVain || ++looks_at_all > kMostAvoided ||
                                SpreadAllows(worker, tasks_.at(waiting.second).requirements);
                       });
  });
}

std::vector<TaskId> Scheduler::InTheWay() const {
  std::vector<TaskId> found;
  if (spare_leases_.empty()) return found;
  std::map<LeaseNumber, TaskId> left = spare_leases_;
  for (const auto& [kind, queue] : KindsThatWait(queues_, shares_)) {
    const Requirements& requirements = tasks_.at(queue->tasks.begin()->second).requirements;
    if (requirements.group != 0) continue;
    const auto in_the_way = std::find_if(
        left.rbegin(), left.rend(), [&, &kind = kind](const auto& spare) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          const Worker& worker = workers_.at(tasks_.at(spare.second).worker);
          return worker.connected && !worker.draining && !worker.drained && !worker.unfit &&
                 shares_.IsBeyondReserve(worker.capacity) && SpreadAllows(worker, requirements) &&
                 pools_.Executes(worker.info.name(), kind->place, Way::kNative);
        });
    if (in_the_way == left.rend()) continue;
    found.push_back(in_the_way->second);
    left.erase(in_the_way->first);
  }
  return found;
}

void Scheduler::AssignQueued(Pass pass, absl::Time now, std::vector<Assignment>* assignments) {
  // Of each queue the first that may still be placed, and how many were looked at in vain.
  struct Head {
    const Kind* kind;
    Queue* queue;
    QueueRank rank;
    int in_vain = 0;
  };
  // By how much its project is ahead of the neediest, then by rank.
  std::multimap<std::pair<double, QueueRank>, Head> heads;
  const auto lead = [&](const Head& head) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return shares_.Lead(head.kind->project, head.queue->capacity, head.kind->spare);
  };
  const auto may_go_on = [&](const Kind& kind, const Queue& queue) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return shares_.MayRun(kind.project) && (pass != Pass::kReserved || shares_.HasReserve(queue.capacity)) &&
           (pools_.IsAnyOpen(kind.place, Way::kNative) || pools_.IsAnyOpen(kind.place, Way::kEmulated));
  };
  const std::string* place = nullptr;
  bool open = false;
  for (auto& [kind, queue] : queues_) {
    const bool belongs = pass == Pass::kReserved ? kind.replica : kind.spare == (pass == Pass::kSpare);
    if (!belongs || queue.tasks.empty()) continue;
    // Kinds of one place stand beside each other.
    if (place == nullptr || *place != kind.place) {
      place = &kind.place;
      open = pools_.IsAnyOpen(kind.place, Way::kNative) || pools_.IsAnyOpen(kind.place, Way::kEmulated);
    }
    if (!open || !may_go_on(kind, queue)) continue;
    auto first = queue.tasks.begin();
    if (const auto resume = std::exchange(queue.resume, std::nullopt)) {
      first = queue.tasks.lower_bound(*resume);
      if (first == queue.tasks.end()) first = queue.tasks.begin();
    }
    const Head head{&kind, &queue, first->first};
    heads.emplace(std::pair(lead(head), head.rank), head);
  }
  while (!heads.empty()) {
    auto node = heads.extract(heads.begin());
    Head& head = node.mapped();
    if (!may_go_on(*head.kind, *head.queue)) continue;
    // What was placed since was charged.
    if (const double leads = lead(head); leads > node.key().first) {
      node.key().first = leads;
      heads.insert(std::move(node));
      continue;
    }
    const auto entry = head.queue->tasks.find(head.rank);
    const TaskId id = entry->second;
    Task& task = tasks_.at(id);
    const auto next = std::next(entry);
    std::optional<Choice> choice = Choose(task, now, pass == Pass::kSpare);
    const bool others_may = choice || task.kind.picky || any_cordoned_;
    if (others_may && next != head.queue->tasks.end()) {
      if (!choice) ++head.in_vain;
      if (head.in_vain < kMostInVain) {
        head.rank = next->first;
        node.key().second = head.rank;
        heads.insert(std::move(node));
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
      std::vector<TaskId> better = backlog.Better(now, pools_.CountPresent(platform, Way::kNative, nullptr));
      const auto lead = [&](TaskId id) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        const Kind& kind = tasks_.at(id).kind;
        return shares_.Lead(kind.project, queues_.at(kind).capacity, kind.spare);
      };
      std::stable_sort(better.begin(), better.end(),
                       [&](TaskId left, TaskId right) { return lead(left) < lead(right); });
      for (const TaskId id : better) {
        Task& task = tasks_.at(id);
        if (refused_weights.contains(task.kind.weight) || !shares_.MayRun(task.kind.project)) continue;
        if (auto worker = BestOf(task, Way::kEmulated, now, false)) {
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

}  // namespace crossmill::core
