#include "coordinator/core/worker_pools.h"

#include <algorithm>

namespace crossmill::core {

std::set<WorkerPools::Key> WorkerPools::KeysOf(const WorkerStanding& standing) {
  std::set<Key> keys = {{"", Way::kNative}};
  for (const std::string& platform : standing.native) keys.emplace(platform, Way::kNative);
  for (const std::string& platform : standing.emulated) {
    if (!keys.contains({platform, Way::kNative})) keys.emplace(platform, Way::kEmulated);
  }
  return keys;
}

void WorkerPools::Crowd::Insert(const std::string& host, const std::string& worker) {
  if (hosts[host].insert(worker).second) ++workers;
}

void WorkerPools::Crowd::Erase(const std::string& host, const std::string& worker) {
  const auto found = hosts.find(host);
  if (found == hosts.end()) return;
  workers -= found->second.erase(worker);
  if (found->second.empty()) hosts.erase(found);
}

bool WorkerPools::Crowd::HasOtherThan(const Avoided& avoided) const {
  // More hosts (workers) than are avoided: one is left. Else few enough to look at each.
  if (avoided.hosts != nullptr) {
    return hosts.size() > avoided.hosts->size() ||
           std::any_of(hosts.begin(), hosts.end(),
                       [&](const auto& host) { return !avoided.hosts->contains(host.first); });
  }
  if (avoided.workers == nullptr) return workers > 0;
  if (workers > avoided.workers->size()) return true;
  for (const auto& [host, names] : hosts) {
    for (const std::string& worker : names) {
      if (!avoided.workers->contains(worker)) return true;
    }
  }
  return false;
}

void WorkerPools::SetPresence(const std::string& worker, const WorkerStanding& standing, bool there) {
  for (const Key& key : KeysOf(standing)) {
    Pool& pool = pools_[key];
    if (standing.present) {
      size_t& count = pool.capacities[standing.capacity];
      count += there ? 1 : -1;
      if (count == 0) pool.capacities.erase(standing.capacity);
    }
    if (there && standing.present) pool.present.Insert(standing.host, worker);
    if (there && standing.staying) pool.staying.Insert(standing.host, worker);
    if (there) continue;
    pool.present.Erase(standing.host, worker);
    pool.staying.Erase(standing.host, worker);
    // Realms come and go with builds.
    if (pool.present.workers == 0 && pool.staying.workers == 0 && pool.open.empty()) pools_.erase(key);
  }
}

void WorkerPools::SetOpen(const std::string& worker, const WorkerStanding& standing, bool there) {
  if (!standing.open) return;
  const Order order(standing.fullness, standing.tasks, worker);
  for (const Key& key : KeysOf(standing)) {
    if (there) {
      pools_[key].open.insert(order);
    } else {
      pools_[key].open.erase(order);
    }
  }
}

bool WorkerPools::Update(const std::string& worker, const WorkerStanding& standing) {
  const auto [entry, added] = standings_.try_emplace(worker);
  WorkerStanding& known = entry->second;
  // What changes with every lease is only how full it is.
  const bool moved = added || known.host != standing.host || known.native != standing.native ||
                     known.emulated != standing.emulated || known.present != standing.present ||
                     known.staying != standing.staying || known.capacity != standing.capacity;
  const bool reordered = moved || known.open != standing.open || known.fullness != standing.fullness ||
                         known.tasks != standing.tasks;
  if (!added && reordered) SetOpen(worker, known, false);
  if (!added && moved) SetPresence(worker, known, false);
  known = standing;
  if (moved) SetPresence(worker, known, true);
  if (reordered) SetOpen(worker, known, true);
  return moved;
}

void WorkerPools::Remove(const std::string& worker) {
  const auto found = standings_.find(worker);
  if (found == standings_.end()) return;
  SetOpen(worker, found->second, false);
  SetPresence(worker, found->second, false);
  standings_.erase(found);
}

std::string WorkerPools::CapacityOf(const std::string& platform) const {
  for (const Way way : {Way::kNative, Way::kEmulated}) {
    const auto pool = pools_.find({platform, way});
    if (pool == pools_.end() || pool->second.capacities.empty()) continue;
    const auto& capacities = pool->second.capacities;
    return std::max_element(capacities.begin(), capacities.end(),
                            [](const auto& left, const auto& right) { return left.second < right.second; })
        ->first;
  }
  return "";
}

bool WorkerPools::Offer(const std::string& platform, Way way,
                        const std::function<bool(const std::string&)>& take) const {
  const auto pool = pools_.find({platform, way});
  if (pool == pools_.end()) return false;
  return std::any_of(pool->second.open.begin(), pool->second.open.end(),
                     [&](const Order& order) { return take(std::get<std::string>(order)); });
}

bool WorkerPools::Executes(const std::string& worker, const std::string& platform, Way way) const {
  const auto found = standings_.find(worker);
  if (found == standings_.end()) return false;
  const auto names = [&](const std::vector<std::string>& platforms) {
    return std::find(platforms.begin(), platforms.end(), platform) != platforms.end();
  };
  const bool native = platform.empty() || names(found->second.native);
  return way == Way::kNative ? native : !native && names(found->second.emulated);
}

bool WorkerPools::IsOpen(const std::string& worker) const {
  const auto found = standings_.find(worker);
  return found != standings_.end() && found->second.open;
}

double WorkerPools::FullnessOf(const std::string& worker) const {
  const auto found = standings_.find(worker);
  return found == standings_.end() ? 0 : found->second.fullness;
}

bool WorkerPools::IsAnyOpen(const std::string& platform, Way way) const {
  const auto pool = pools_.find({platform, way});
  return pool != pools_.end() && !pool->second.open.empty();
}

bool WorkerPools::IsAnyPresent(const std::string& platform, Way way, const Avoided& avoided) const {
  const auto pool = pools_.find({platform, way});
  return pool != pools_.end() && pool->second.present.HasOtherThan(avoided);
}

bool WorkerPools::IsAnyStaying(const std::string& platform, Way way, const Avoided& avoided) const {
  const auto pool = pools_.find({platform, way});
  return pool != pools_.end() && pool->second.staying.HasOtherThan(avoided);
}

size_t WorkerPools::CountHosts(const std::string& platform, Way way, bool with_drained) const {
  const auto pool = pools_.find({platform, way});
  if (pool == pools_.end()) return 0;
  return (with_drained ? pool->second.present : pool->second.staying).hosts.size();
}

size_t WorkerPools::CountPresent(const std::string& platform, Way way, std::set<std::string>* hosts) const {
  const auto pool = pools_.find({platform, way});
  if (pool == pools_.end()) return 0;
  if (hosts != nullptr) {
    for (const auto& [host, workers] : pool->second.present.hosts) hosts->insert(host);
  }
  return pool->second.present.workers;
}

}  // namespace crossmill::core
