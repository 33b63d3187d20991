// Whose turn it is among projects that want the same capacity: start-time fair queueing (Goyal, Vin and
// Cheng, 1996) over slots in place of a wire. Pure.
//
// Each project has an account: the slot-seconds that its tasks held, divided by its share. Of those that wait
// the one with the smallest account is first. A task is charged in slices, each when it begins, and what it
// did not use of its last slice is given back when it ends: so of what begins at one moment everybody gets
// its part, no length has to be known before, and what counts in the end is what was used.
//
// Who did not wait has saved nothing: when a task of a project begins to wait, its account is raised to the
// smallest of those that wait. When nobody waits there is enough for all, and whoever waits next begins where
// everybody else is at most: nothing that happened before is owed. Nor does who waits for something else than
// what became free save anything: others are served meanwhile, and what they really used by then is the least
// that any account counts. So a project is never further behind what its share gives it than the slices of
// one moment, and no burst of one can keep another from its turn.
//
// The accounts are not recorded. After a restart all begin equal, and what still runs is charged from then
// on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/time/time.h"

namespace crossmill::core {

// Not thread safe: the scheduler's lock guards it. A change costs some looks into trees.
class FairClock {
 public:
  static constexpr absl::Duration kSlice = absl::Seconds(10);

  // A task of the project holds a slot from now on. `holding` numbers it, once.
  void Begin(uint64_t holding, const std::string& project, double share, absl::Time now);
  // Nothing for one that is not there.
  void End(uint64_t holding, absl::Time now);
  // Tasks of the project wait. Each call wants its own StopWaiting.
  void Wait(const std::string& project);
  void StopWaiting(const std::string& project);
  // Charges what runs longer than it was charged for.
  void Advance(absl::Time now);

  // How much more the project was given than the neediest of those that wait, in seconds of a slot for a
  // share of 1; 0 for that one itself, and where nobody waits.
  double Lead(const std::string& project) const;
  // Projects that wait and come before this one.
  size_t CountBefore(const std::string& project) const;

 private:
  struct Account {
    double used = 0;
    int waiting = 0;
    int holding = 0;
  };
  struct Holding {
    std::string project;
    double share = 1;
    absl::Time since;
    absl::Time charged_until;
  };
  // What the neediest of those that wait was given. Somebody waits.
  double Least() const { return std::max(waiting_.begin()->first, floor_); }
  // Adds to what was used; where it stands among those that wait changes with it.
  void Charge(const std::string& project, double amount);
  void ForgetIdle(const std::string& project);

  std::map<std::string, Account> accounts_;
  // Accounts of those that wait.
  std::set<std::pair<double, std::string>> waiting_;
  // No account of those that wait counts less: what the last one that was served had really used by then.
  double floor_ = 0;
  // No account was ever larger.
  double highest_ = 0;
  std::unordered_map<uint64_t, Holding> holdings_;
  // When what was charged ends.
  std::set<std::pair<absl::Time, uint64_t>> due_;
};

}  // namespace crossmill::core
