// What projects hold of the farm, and who of them is next: a fair clock for each kind of capacity, limits of
// what a project runs at a time, and the part of each capacity that replicas get first. Pure.
//
// Capacity is told apart by what workers execute natively and by their pool: who uses up the arm64 machines
// is not behind anybody on the amd64 ones. A task is counted where it is executed, natively or not; it waits
// by the clock of the workers that would execute it natively. Spare tasks take what nobody else wants and are
// charged to a clock of their own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "absl/time/time.h"
#include "coordinator/core/fairness/fair_clock.h"
#include "coordinator/core/fairness/project_terms.h"

namespace crossmill::core {

// Not thread safe: the scheduler's lock guards it.
class ProjectShares {
 public:
  // `terms` null: all projects have the usual terms. `reserve`: the part of each capacity, 0 to 1, that
  // replicas get before others.
  ProjectShares(const ProjectTerms* terms, double reserve) : terms_(terms), reserve_(reserve) {}

  struct Held {
    std::string project;
    // Of the worker that executes it.
    std::string capacity;
    bool spare = false;
    bool replica = false;
  };
  void Begin(uint64_t lease, const Held& held, absl::Time now);
  void End(uint64_t lease, absl::Time now);
  // A spare task is one like others from now on.
  void Settle(uint64_t lease, absl::Time now);
  void Wait(const std::string& project, const std::string& capacity, bool spare);
  void StopWaiting(const std::string& project, const std::string& capacity, bool spare);
  void Advance(absl::Time now);

  // FairClock::Lead in that capacity.
  double Lead(const std::string& project, const std::string& capacity, bool spare) const;
  size_t CountBefore(const std::string& project, const std::string& capacity, bool spare) const;
  // It runs fewer tasks than it may.
  bool MayRun(const std::string& project) const;
  uint32_t Running(const std::string& project) const;
  uint32_t MostRunning(const std::string& project) const { return TermsOf(project).most_running; }

  // A worker's slots came (or went, negative).
  void AddSlots(const std::string& capacity, int64_t slots);
  // Replicas hold less of the capacity than is reserved for them.
  bool HasReserve(const std::string& capacity) const;
  // They hold more than that: one may be displaced.
  bool IsBeyondReserve(const std::string& capacity) const;

 private:
  struct Capacity {
    FairClock clock;
    FairClock spare_clock;
    int64_t slots = 0;
    int64_t replicas = 0;
    FairClock& ClockOf(bool spare) { return spare ? spare_clock : clock; }
    const FairClock& ClockOf(bool spare) const { return spare ? spare_clock : clock; }
  };
  Terms TermsOf(const std::string& project) const;
  const Capacity* Find(const std::string& capacity) const;
  // Slots that are kept for replicas.
  int64_t ReserveOf(const Capacity& capacity) const;

  const ProjectTerms* const terms_;
  const double reserve_;
  std::map<std::string, Capacity> capacities_;
  std::unordered_map<uint64_t, Held> held_;
  std::unordered_map<std::string, uint32_t> running_;
  // Of the projects that were asked about, as of this number of ProjectTerms::changes.
  mutable uint64_t terms_changes_ = 0;
  mutable std::unordered_map<std::string, Terms> known_terms_;
};

}  // namespace crossmill::core
