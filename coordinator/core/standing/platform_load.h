// What waits and what runs, by platform. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/time/time.h"

namespace crossmill::core {

struct PlatformTasks {
  int64_t queued = 0;
  int64_t running = 0;
  // When the oldest of those that wait was queued; in the infinite future if none does.
  absl::Time oldest = absl::InfiniteFuture();
};

// Told by the scheduler of each task that it queues, leases and ends; each call costs the logarithm of what
// waits. Names of platforms are as the scheduler has them: empty for tasks that any platform may run. Not
// thread safe.
class PlatformLoad {
 public:
  void Queue(const std::string& platform, absl::Time since);
  // What Queue was told, taken back.
  void Unqueue(const std::string& platform, absl::Time since);
  void Begin(const std::string& platform);
  void End(const std::string& platform);

  // Those that have any.
  std::map<std::string, PlatformTasks> All() const;

 private:
  struct Tasks {
    std::multiset<absl::Time> queued;
    int64_t running = 0;
  };
  void DropIfIdle(std::map<std::string, Tasks>::iterator entry);

  std::map<std::string, Tasks> platforms_;
};

}  // namespace crossmill::core
