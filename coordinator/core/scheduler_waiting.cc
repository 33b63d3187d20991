// Scheduler: which tasks nobody can run, and why those that wait do.
#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/core/scheduler.h"

namespace crossmill::core {
namespace {

// Workers in a reason for people.
constexpr size_t kMostNamed = 5;

// Tasks before one are counted up to there.
constexpr int kMostCounted = 1000;

std::string Named(std::vector<std::string> workers) {
  std::sort(workers.begin(), workers.end());
  const size_t more = workers.size() - std::min(workers.size(), kMostNamed);
  workers.resize(workers.size() - more);
  return absl::StrJoin(workers, ", ") + (more == 0 ? "" : fmt::format(" and {} more", more));
}

// What no worker has, of `able`, those that could run the task if it were confined to no realm.
std::string WhatIsMissing(const Requirements& requirements, const std::vector<const v1::WorkerInfo*>& able) {
  const std::string what = requirements.neutral ? "work" : "run " + FormatPlatform(requirements.platform);
  if (able.empty()) return fmt::format("no connected worker can {}, whatever its pool and labels", what);
  std::vector<const v1::WorkerInfo*> left = able;
  std::string those = fmt::format("the {} connected workers that can {}", able.size(), what);
  if (const std::string& pool = requirements.realm.pool; !pool.empty()) {
    std::erase_if(left, [&](const v1::WorkerInfo* worker) { return !IsInPool(*worker, requirements.realm); });
    if (left.empty()) return fmt::format("none of {} is in pool {}", those, pool);
    those = fmt::format("the {} connected workers in pool {} that can {}", left.size(), pool, what);
  }
  for (const std::string& constraint : requirements.realm.constraints) {
    const Realm one{"", {constraint}};
    if (std::none_of(left.begin(), left.end(),
                     [&](const v1::WorkerInfo* worker) { return Contains(one, *worker); }))
      return fmt::format("none of {} has {}", those, constraint);
  }
  return fmt::format("none of {} has all of {}", those, absl::StrJoin(requirements.realm.constraints, ", "));
}

std::string Counted(int tasks) {
  if (tasks >= kMostCounted) return fmt::format("more than {} tasks", kMostCounted);
  return fmt::format("{} task{}", tasks, tasks == 1 ? "" : "s");
}

}  // namespace

bool Scheduler::IsPossibleOn(const Worker& worker, const Kind& kind, const Requirements& requirements) const {
  const std::string& name = worker.info.name();
  return SpreadAllows(worker, requirements) &&
         (pools_.Executes(name, kind.place, Way::kNative) ||
          (!kind.neutral && !kind.forbid_emulation && pools_.Executes(name, kind.place, Way::kEmulated)));
}

bool Scheduler::IsPossible(const Kind& kind, const Requirements& requirements, bool with_drained) const {
  const Avoided avoided = AvoidedBy(requirements);
  const auto is_any = [&](Way way) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return with_drained ? pools_.IsAnyPresent(kind.place, way, avoided)
                        : pools_.IsAnyStaying(kind.place, way, avoided);
  };
  return is_any(Way::kNative) || (!kind.neutral && !kind.forbid_emulation && is_any(Way::kEmulated));
}

bool Scheduler::CanRun(const Requirements& requirements) const {
  MutexLock lock(mutex_);
  const Kind kind = KindOf(requirements);
  const std::string realm = KeyOf(requirements.realm);
  if (realm.empty() || realms_.contains(realm)) return IsPossible(kind, requirements);
  // Nothing is queued there, so the pools do not know it.
  Requirements anywhere = requirements;
  anywhere.realm = {};
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& entry) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return entry.second.present && Contains(requirements.realm, entry.second.info) &&
           IsPossibleOn(entry.second, KindOf(anywhere), requirements);
  });
}

std::vector<UnplaceableTask> Scheduler::Unplaceable(absl::Time now) {
  MutexLock lock(mutex_);
  std::vector<UnplaceableTask> found;
  const bool drained = options_.drained != nullptr && options_.drained->IsAny();
  // Found without a look at each task. Of a picky kind: more hosts than anybody avoids (and as many workers
  // at least), so that one is left for each.
  const auto are_all_possible = [&](const Kind& kind, const Queue& queue,
                                    bool with_drained) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (queue.unplaceable) return false;
    if (!kind.picky)
      return IsPossible(kind, tasks_.at(queue.tasks.begin()->second).requirements, with_drained);
    return pools_.CountHosts(kind.place, Way::kNative, with_drained) > *queue.avoided.rbegin();
  };
  // Of kinds that are not picky and differ in nothing but the project one stands for the others.
  const Kind* asked = nullptr;
  bool all_possible = false;
  bool all_served = false;
  for (auto& [kind, queue] : queues_) {
    if (kind.spare || queue.tasks.empty()) continue;
    if (kind.picky || queue.unplaceable || asked == nullptr || !asked->IsLikeButForProject(kind)) {
      all_possible = are_all_possible(kind, queue, true);
      all_served = all_possible && (!drained || are_all_possible(kind, queue, false));
      asked = kind.picky || queue.unplaceable ? nullptr : &kind;
    }
    if (all_served) continue;
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
        const bool goes_on =
            any_cordoned_ && std::any_of(workers_.begin(), workers_.end(),
                                         [&, &kind = kind](const auto& entry) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                                           return entry.second.cordoned_after && !entry.second.drained &&
                                                  entry.second.present &&
                                                  IsPossibleOn(entry.second, kind, task.requirements);
                                         });
        if (goes_on) continue;
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
  size_t capable = pools_.CountPresent(task.kind.place, Way::kNative, wanted);
  if (!task.kind.forbid_emulation) capable += pools_.CountPresent(task.kind.place, Way::kEmulated, wanted);
  std::string unfit;
  std::vector<std::string> drained;
  std::vector<std::string> cordoned;
  for (const auto& [name, worker] : workers_) {
    if (!worker.present) continue;
    if (worker.distrusted) {
      unfit += fmt::format("; worker {} takes none: it is distrusted", name);
    } else if (worker.unfit) {
      unfit += fmt::format("; worker {} takes none: {}", name, worker.unfit->reason);
    }
    // One may be both.
    if (worker.drained && !worker.distrusted && IsPossibleOn(worker, task.kind, requirements))
      drained.push_back(name);
    if (worker.cordoned_after && !worker.drained && requirements.build > *worker.cordoned_after)
      cordoned.push_back(name);
  }
  if (IsPossible(task.kind, requirements)) {
    if (drained.empty() && cordoned.empty())
      return fmt::format("whoever could run {} is stopping", requirements.description);
    const bool is_drained = !drained.empty();
    return fmt::format("whoever could run {} gets no new tasks ({}: {}); `crossmill worker {}` lets it go on",
                       requirements.description,
                       is_drained ? "drained" : "cordoned, for builds that were there before",
                       Named(is_drained ? drained : cordoned), is_drained ? "undrain" : "uncordon");
  }
  if (present == 0)
    return fmt::format("no worker is connected that could run {}{}", requirements.description, unfit);
  if (capable == 0 && !requirements.realm.IsEverywhere()) {
    Requirements anywhere = requirements;
    anywhere.realm = {};
    std::vector<const v1::WorkerInfo*> able;
    for (const auto& [name, worker] : workers_) {
      if (worker.present && IsPossibleOn(worker, KindOf(anywhere), requirements))
        able.push_back(&worker.info);
    }
    return WhatIsMissing(requirements, able) + unfit;
  }
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

std::string Scheduler::WhyWaiting(TaskId id) const {
  MutexLock lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || found->second.lease != 0) return "";
  const Task& task = found->second;
  const Requirements& requirements = task.requirements;
  if (!IsPossible(task.kind, requirements)) return WhyUnplaceable(task);
  if (!shares_.MayRun(requirements.project)) {
    return fmt::format("{} waits: project {} runs {} tasks, as many as it may", requirements.description,
                       requirements.project, shares_.Running(requirements.project));
  }
  if (!IsPossible(task.kind, requirements, false)) return WhyUnplaceable(task);
  if (task.kind.spare) {
    return fmt::format(
        "{} waits: it repeats a step beside its first execution, on what nobody else waits for",
        requirements.description);
  }
  const Queue& queue = queues_.at(task.kind);
  int before = 0;
  for (auto each = queue.tasks.begin(); each->second != id && before < kMostCounted; ++each) ++before;
  const size_t projects = shares_.CountBefore(requirements.project, queue.capacity, task.kind.spare);
  const std::string realm = PhraseOf(requirements.realm);
  std::string why =
      fmt::format("{} waits for a worker{}{}", requirements.description, realm.empty() ? "" : " ", realm);
  if (projects > 0) {
    why += fmt::format(": project {} is above its share, {} project{} before it", requirements.project,
                       projects, projects == 1 ? " comes" : "s come");
  }
  return fmt::format("{}{} {} of its project before it", why, projects > 0 ? ";" : ":", Counted(before));
}

}  // namespace crossmill::core
