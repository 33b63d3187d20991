#include "coordinator/core/fairness/project_shares.h"

#include <algorithm>
#include <cmath>

namespace crossmill::core {
namespace {

// Shares beyond are taken for these, so that no account grows without bound or stands still.
constexpr double kLeastShare = 0.001;
constexpr double kMostShare = 1000;
// Projects are few. What was told of those that are gone does not stay.
constexpr size_t kMostKnown = 10'000;

}  // namespace

Terms ProjectShares::TermsOf(const std::string& project) const {
  if (terms_ == nullptr) return {};
  const uint64_t changes = terms_->changes();
  if (changes != terms_changes_ || known_terms_.size() > kMostKnown) known_terms_.clear();
  terms_changes_ = changes;
  const auto known = known_terms_.find(project);
  if (known != known_terms_.end()) return known->second;
  Terms terms = terms_->Find(project);
  // A share that is no number is no share.
  terms.share = std::isnan(terms.share) ? 1 : std::clamp(terms.share, kLeastShare, kMostShare);
  return known_terms_[project] = terms;
}

void ProjectShares::Begin(uint64_t lease, const Held& held, absl::Time now) {
  if (!held_.emplace(lease, held).second) return;
  Capacity& capacity = capacities_[held.capacity];
  capacity.ClockOf(held.spare).Begin(lease, held.project, TermsOf(held.project).share, now);
  if (held.replica) ++capacity.replicas;
  ++running_[held.project];
}

void ProjectShares::End(uint64_t lease, absl::Time now) {
  const auto found = held_.find(lease);
  if (found == held_.end()) return;
  const Held held = found->second;
  held_.erase(found);
  Capacity& capacity = capacities_[held.capacity];
  capacity.ClockOf(held.spare).End(lease, now);
  if (held.replica) --capacity.replicas;
  const auto running = running_.find(held.project);
  if (--running->second == 0) running_.erase(running);
}

void ProjectShares::Settle(uint64_t lease, absl::Time now) {
  const auto found = held_.find(lease);
  if (found == held_.end() || !found->second.spare) return;
  found->second.spare = false;
  Capacity& capacity = capacities_[found->second.capacity];
  capacity.spare_clock.End(lease, now);
  capacity.clock.Begin(lease, found->second.project, TermsOf(found->second.project).share, now);
}

void ProjectShares::Wait(const std::string& project, const std::string& capacity, bool spare) {
  capacities_[capacity].ClockOf(spare).Wait(project);
}

void ProjectShares::StopWaiting(const std::string& project, const std::string& capacity, bool spare) {
  capacities_[capacity].ClockOf(spare).StopWaiting(project);
}

void ProjectShares::Advance(absl::Time now) {
  for (auto& [name, capacity] : capacities_) {
    capacity.clock.Advance(now);
    capacity.spare_clock.Advance(now);
  }
}

const ProjectShares::Capacity* ProjectShares::Find(const std::string& capacity) const {
  const auto found = capacities_.find(capacity);
  return found == capacities_.end() ? nullptr : &found->second;
}

double ProjectShares::Lead(const std::string& project, const std::string& capacity, bool spare) const {
  const Capacity* found = Find(capacity);
  return found == nullptr ? 0 : found->ClockOf(spare).Lead(project);
}

size_t ProjectShares::CountBefore(const std::string& project, const std::string& capacity, bool spare) const {
  const Capacity* found = Find(capacity);
  return found == nullptr ? 0 : found->ClockOf(spare).CountBefore(project);
}

bool ProjectShares::MayRun(const std::string& project) const {
  if (terms_ == nullptr) return true;
  const uint32_t most = MostRunning(project);
  return most == 0 || Running(project) < most;
}

uint32_t ProjectShares::Running(const std::string& project) const {
  const auto found = running_.find(project);
  return found == running_.end() ? 0 : found->second;
}

void ProjectShares::AddSlots(const std::string& capacity, int64_t slots) {
  capacities_[capacity].slots += slots;
}

int64_t ProjectShares::ReserveOf(const Capacity& capacity) const {
  return static_cast<int64_t>(std::ceil(static_cast<double>(capacity.slots) * reserve_));
}

bool ProjectShares::HasReserve(const std::string& capacity) const {
  const Capacity* found = reserve_ > 0 ? Find(capacity) : nullptr;
  return found != nullptr && found->replicas < ReserveOf(*found);
}

bool ProjectShares::IsBeyondReserve(const std::string& capacity) const {
  const Capacity* found = reserve_ > 0 ? Find(capacity) : nullptr;
  return found == nullptr || found->replicas > ReserveOf(*found);
}

}  // namespace crossmill::core
