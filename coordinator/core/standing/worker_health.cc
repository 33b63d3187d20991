#include "coordinator/core/standing/worker_health.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace crossmill::core {
namespace {

constexpr int kFailuresInARow = 3;
constexpr size_t kBuildsThatSaySo = 2;
constexpr absl::Duration kFirstRest = absl::Minutes(1);
constexpr absl::Duration kLongestRest = absl::Minutes(30);
// Room to spare above the floor, so that a worker at it does not come and go.
constexpr double kEnoughAgain = 1.1;

std::string InGigabytes(uint64_t bytes) { return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9); }

}  // namespace

void WorkerHealth::Failed(const std::string& worker, int64_t build, const std::string& reason,
                          absl::Time now) {
  MutexLock lock(mutex_);
  Record& record = records_[worker];
  // What was given to it before it rested says nothing new.
  if (now < record.rests_until) return;
  ++record.failures;
  // More are not needed to tell.
  if (record.builds.size() < kBuildsThatSaySo) record.builds.insert(build);
  record.reason = reason;
  const bool again = record.rest > absl::ZeroDuration();
  if (!again && (record.failures < kFailuresInARow || record.builds.size() < kBuildsThatSaySo)) return;
  record.rest = again ? std::min(record.rest * 2, kLongestRest) : kFirstRest;
  record.rests_until = now + record.rest;
  ++changes_;
}

void WorkerHealth::Executed(const std::string& worker) {
  MutexLock lock(mutex_);
  const auto found = records_.find(worker);
  if (found == records_.end()) return;
  Record& record = found->second;
  if (record.rests_until > absl::InfinitePast()) ++changes_;
  std::string space = std::move(record.space);
  record = Record();
  record.space = std::move(space);
  if (record.space.empty()) records_.erase(found);
}

void WorkerHealth::ReportSpace(const std::string& worker, uint64_t free, uint64_t floor) {
  MutexLock lock(mutex_);
  const auto found = records_.find(worker);
  const bool was_low = found != records_.end() && !found->second.space.empty();
  const double wanted = static_cast<double>(floor) * (was_low ? kEnoughAgain : 1.0);
  const bool is_low = floor != 0 && static_cast<double>(free) < wanted;
  if (is_low == was_low) return;
  ++changes_;
  records_[worker].space = is_low ? fmt::format("its disk has {} left, and it takes no tasks below {}",
                                                InGigabytes(free), InGigabytes(floor))
                                  : "";
}

std::optional<Unfitness> WorkerHealth::Find(const std::string& worker, absl::Time now) const {
  MutexLock lock(mutex_);
  const auto found = records_.find(worker);
  if (found == records_.end()) return std::nullopt;
  const Record& record = found->second;
  if (!record.space.empty()) return Unfitness{record.space, absl::InfiniteFuture()};
  if (now >= record.rests_until) return std::nullopt;
  return Unfitness{
      fmt::format("{} tasks in a row failed there for no fault of their recipes; the last one: {}",
                  record.failures, record.reason),
      record.rests_until};
}

uint64_t WorkerHealth::changes() const {
  MutexLock lock(mutex_);
  return changes_;
}

absl::Time WorkerHealth::NextChange(absl::Time now) const {
  MutexLock lock(mutex_);
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [name, record] : records_) {
    if (record.rests_until > now) next = std::min(next, record.rests_until);
  }
  return next;
}

}  // namespace crossmill::core
