// Which workers could run a task, found without looking at all of them: workers indexed by what they can
// execute, those with room in the order in which they are to be used. Pure.
//
// A decision costs a few lookups in trees, whatever the number of workers and tasks. Every change of a worker
// (connected, a slot taken, its host busier) is told with Update, which moves its entries.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "coordinator/core/expected_time.h"

namespace crossmill::core {

// What a worker is to the pools at one moment.
struct WorkerStanding {
  std::string host;
  // Platforms as text ("linux/arm64"). One that is both counts as native.
  std::vector<std::string> native;
  std::vector<std::string> emulated;
  // It is there, or is expected to come back.
  bool present = false;
  // Of those: it will take tasks again (it does not drain).
  bool staying = false;
  // May get a task now.
  bool open = false;
  // Its slots are counted with those of others of the same capacity (fairness/project_shares.h).
  std::string capacity;
  // How full it is, from 0 on, 1 is full: the emptier first.
  double fullness = 0;
  uint32_t tasks = 0;
};

// Which workers a task must not run on, beside those that cannot.
struct Avoided {
  const std::set<std::string>* hosts = nullptr;
  const std::set<std::string>* workers = nullptr;
};

// Not thread safe: the scheduler's lock guards it. A "platform" here may have a realm before it (PlaceOf in
// placement/task_queue.h): a worker has an entry for each realm that it is in.
class WorkerPools {
 public:
  // Whether more changed than how full it is.
  bool Update(const std::string& worker, const WorkerStanding& standing);
  void Remove(const std::string& worker);

  // Shows open workers that execute `platform` that way and no better one (empty platform: natively on any
  // worker), the emptiest first, until `take` says true. Returns whether it did.
  bool Offer(const std::string& platform, Way way, const std::function<bool(const std::string&)>& take) const;
  // The worker executes the platform that way and no better one.
  bool Executes(const std::string& worker, const std::string& platform, Way way) const;
  bool IsOpen(const std::string& worker) const;
  // 0 for one that is not known.
  double FullnessOf(const std::string& worker) const;
  bool IsAnyOpen(const std::string& platform, Way way) const;
  // Whether a worker that is present (or staying), open or not, and not avoided could run it that way.
  bool IsAnyPresent(const std::string& platform, Way way, const Avoided& avoided) const;
  bool IsAnyStaying(const std::string& platform, Way way, const Avoided& avoided) const;
  // Hosts of the workers that are present (or staying) and could run it that way.
  size_t CountHosts(const std::string& platform, Way way, bool with_drained = true) const;
  // Of those present that could run it natively, else under emulation: the capacity that most of them have;
  // empty where there is nobody.
  std::string CapacityOf(const std::string& platform) const;
  // Present workers that could run it that way; adds their hosts if asked.
  size_t CountPresent(const std::string& platform, Way way, std::set<std::string>* hosts) const;

 private:
  using Key = std::pair<std::string, Way>;
  using Order = std::tuple<double, uint32_t, std::string>;
  // Workers by their hosts.
  struct Crowd {
    std::map<std::string, std::set<std::string>> hosts;
    size_t workers = 0;

    void Insert(const std::string& host, const std::string& worker);
    void Erase(const std::string& host, const std::string& worker);
    bool HasOtherThan(const Avoided& avoided) const;
  };
  struct Pool {
    std::set<Order> open;
    Crowd present;
    Crowd staying;
    // Of those present, how many there are of each capacity.
    std::map<std::string, size_t> capacities;
  };
  static std::set<Key> KeysOf(const WorkerStanding& standing);
  void SetPresence(const std::string& worker, const WorkerStanding& standing, bool there);
  void SetOpen(const std::string& worker, const WorkerStanding& standing, bool there);

  std::unordered_map<std::string, WorkerStanding> standings_;
  std::map<Key, Pool> pools_;
};

}  // namespace crossmill::core
