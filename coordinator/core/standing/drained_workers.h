// The workers that get no new tasks because somebody said so: those that an operator drained, until they are
// undrained, and those whose results are not believed, until they are trusted again. Pure.
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
  // Drained.
  bool Contains(const std::string& worker) const {
    MutexLock lock(mutex_);
    return names_.contains(worker);
  }
  void SetDistrusted(const std::string& worker, bool distrusted) {
    MutexLock lock(mutex_);
    if (distrusted ? distrusted_.insert(worker).second : distrusted_.erase(worker) > 0) ++changes_;
  }
  bool IsDistrusted(const std::string& worker) const {
    MutexLock lock(mutex_);
    return distrusted_.contains(worker);
  }
  // For either reason.
  bool GetsNone(const std::string& worker) const {
    MutexLock lock(mutex_);
    return names_.contains(worker) || distrusted_.contains(worker);
  }
  // Somebody gets none.
  bool IsAny() const {
    MutexLock lock(mutex_);
    return !names_.empty() || !distrusted_.empty();
  }
  // Another number after every change.
  uint64_t changes() const {
    MutexLock lock(mutex_);
    return changes_;
  }

 private:
  mutable Mutex mutex_;
  std::set<std::string> names_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> distrusted_ ABSL_GUARDED_BY(mutex_);
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::core
