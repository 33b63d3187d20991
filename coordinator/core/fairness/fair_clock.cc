#include "coordinator/core/fairness/fair_clock.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace crossmill::core {

void FairClock::Charge(const std::string& project, double amount) {
  Account& account = accounts_[project];
  if (account.waiting > 0) waiting_.erase({account.used, project});
  account.used = std::max(0.0, account.used + amount);
  highest_ = std::max(highest_, account.used);
  if (account.waiting > 0) waiting_.emplace(account.used, project);
}

void FairClock::Begin(uint64_t holding, const std::string& project, double share, absl::Time now) {
  const auto [entry, fresh] = holdings_.try_emplace(holding, Holding{project, share, now, now + kSlice});
  if (!fresh) return;
  due_.emplace(now + kSlice, holding);
  Account& account = accounts_[project];
  const double slice = absl::ToDoubleSeconds(kSlice) / share;
  if (account.waiting > 0) {
    // Of each task that it holds a slice may be charged of which nothing was used.
    floor_ = std::max(floor_, account.used - slice * account.holding);
    if (account.used < floor_) Charge(project, floor_ - account.used);
  }
  ++account.holding;
  Charge(project, slice);
}

void FairClock::End(uint64_t holding, absl::Time now) {
  const auto found = holdings_.find(holding);
  if (found == holdings_.end()) return;
  const Holding held = found->second;
  due_.erase({held.charged_until, holding});
  holdings_.erase(found);
  --accounts_[held.project].holding;
  // The clock may stand still, and never goes back.
  const absl::Time end = std::max(now, held.since);
  Charge(held.project, absl::ToDoubleSeconds(end - held.charged_until) / held.share);
  ForgetIdle(held.project);
}

void FairClock::Wait(const std::string& project) {
  // Where nobody waits, everybody had enough.
  const double least = waiting_.empty() ? highest_ : Least();
  Account& account = accounts_[project];
  if (account.waiting++ > 0) return;
  account.used = std::max(account.used, least);
  highest_ = std::max(highest_, account.used);
  waiting_.emplace(account.used, project);
}

void FairClock::StopWaiting(const std::string& project) {
  const auto found = accounts_.find(project);
  if (found == accounts_.end() || found->second.waiting == 0 || --found->second.waiting > 0) return;
  waiting_.erase({found->second.used, project});
  ForgetIdle(project);
}

void FairClock::ForgetIdle(const std::string& project) {
  const auto found = accounts_.find(project);
  if (found == accounts_.end() || found->second.waiting > 0 || found->second.holding > 0) return;
  // What it used before counts until the others have caught up with it. When nobody waits nothing is owed.
  if (waiting_.empty() || found->second.used <= Least()) accounts_.erase(found);
}

void FairClock::Advance(absl::Time now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto [until, number] = *due_.begin();
    due_.erase(due_.begin());
    Holding& holding = holdings_.at(number);
    // At once also after a time in which nobody asked.
    const double slices = std::floor(absl::FDivDuration(now - until, kSlice)) + 1;
    holding.charged_until = until + slices * kSlice;
    due_.emplace(holding.charged_until, number);
    Charge(holding.project, slices * absl::ToDoubleSeconds(kSlice) / holding.share);
  }
}

double FairClock::Lead(const std::string& project) const {
  if (waiting_.empty()) return 0;
  const auto found = accounts_.find(project);
  return found == accounts_.end() ? 0 : std::max(0.0, found->second.used - Least());
}

size_t FairClock::CountBefore(const std::string& project) const {
  const auto found = accounts_.find(project);
  if (found == accounts_.end() || found->second.used <= floor_) return 0;
  return static_cast<size_t>(
      std::distance(waiting_.begin(), waiting_.lower_bound({found->second.used, project})));
}

}  // namespace crossmill::core
