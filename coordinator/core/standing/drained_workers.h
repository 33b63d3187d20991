// The workers that get no new tasks because somebody said so: those that an operator drained, until they are
// undrained; those that are cordoned, which get tasks of the builds that there were and no others; and those
// whose results are not believed, until they are trusted again. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
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
  // From now on it gets tasks of builds up to that number only; unset: of all.
  void SetCordoned(const std::string& worker, std::optional<int64_t> last_build) {
    MutexLock lock(mutex_);
    if (last_build) {
      // Who is cordoned again takes no more than before.
      if (!cordoned_.emplace(worker, *last_build).second) return;
    } else if (cordoned_.erase(worker) == 0) {
      return;
    }
    ++changes_;
  }
  // The last build of which it gets tasks; unset: it is not cordoned.
  std::optional<int64_t> CordonedAfter(const std::string& worker) const {
    MutexLock lock(mutex_);
    const auto found = cordoned_.find(worker);
    return found == cordoned_.end() ? std::nullopt : std::optional(found->second);
  }
  // Drained or distrusted.
  bool GetsNone(const std::string& worker) const {
    MutexLock lock(mutex_);
    return names_.contains(worker) || distrusted_.contains(worker);
  }
  // Somebody gets none, or none of later builds.
  bool IsAny() const {
    MutexLock lock(mutex_);
    return !names_.empty() || !distrusted_.empty() || !cordoned_.empty();
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
  std::map<std::string, int64_t> cordoned_ ABSL_GUARDED_BY(mutex_);
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::core
