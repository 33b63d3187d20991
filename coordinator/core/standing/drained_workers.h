// The workers that an operator drained: they get no new tasks until somebody undrains them. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "common/base/mutex.h"

namespace crossmill::core {

// Thread safe. Whoever places tasks looks at `changes` to notice that others are drained now.
class DrainedWorkers {
 public:
  void Set(const std::string& worker, bool drained) {
    MutexLock lock(mutex_);
    if (drained ? names_.insert(worker).second : names_.erase(worker) > 0) ++changes_;
  }
  bool Contains(const std::string& worker) const {
    MutexLock lock(mutex_);
    return names_.contains(worker);
  }
  // Another number after every change.
  uint64_t changes() const {
    MutexLock lock(mutex_);
    return changes_;
  }

 private:
  mutable Mutex mutex_;
  std::set<std::string> names_ ABSL_GUARDED_BY(mutex_);
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::core
