#include "coordinator/people/join_rate.h"

#include <algorithm>

namespace crossmill::coordinator {
namespace {

constexpr double kMostOfAPeer = 10;
constexpr double kEachSecondOfAPeer = 1;
constexpr double kMost = 100;
constexpr double kEachSecond = 50;
// Beyond that those that are full again are forgotten, and with none of them everybody.
constexpr size_t kMostPeers = 1024;

}  // namespace

bool JoinRate::Take(Bucket& bucket, double most, double each_second, absl::Time now) {
  // A clock that went back fills nothing.
  const double passed = std::max(0.0, absl::ToDoubleSeconds(now - bucket.filled));
  bucket.tokens = std::min(most, bucket.tokens + std::min(passed * each_second, most));
  bucket.filled = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

bool JoinRate::Admit(const std::string& peer, absl::Time now) {
  MutexLock lock(mutex_);
  if (peers_.size() >= kMostPeers) {
    std::erase_if(peers_, [&](const auto& entry) {
      return now - entry.second.filled > absl::Seconds(kMostOfAPeer / kEachSecondOfAPeer);
    });
    // The limit of all holds without them.
    if (peers_.size() >= kMostPeers) peers_.clear();
  }
  // A bucket that was never filled is full: long ago is long enough.
  return Take(peers_[peer], kMostOfAPeer, kEachSecondOfAPeer, now) && Take(all_, kMost, kEachSecond, now);
}

}  // namespace crossmill::coordinator
