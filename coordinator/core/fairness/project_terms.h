// What a project is given of the farm: its share, and how much of it at a time. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/mutex.h"

namespace crossmill::core {

struct Terms {
  // Of the capacity, against the shares of the other projects whose tasks wait: twice the share, twice as
  // much.
  double share = 1;
  // Tasks that it runs at a time, replicas too; 0: as many as there is room for.
  uint32_t most_running = 0;
  // Builds that have not ended; 0: no limit.
  uint32_t most_builds = 0;
  // Bytes of images that it keeps; 0: no limit.
  int64_t most_image_bytes = 0;

  bool operator==(const Terms&) const = default;
};

// Thread safe. Whoever places tasks looks at `changes` to notice that others hold now.
class ProjectTerms {
 public:
  void Set(const std::string& project, const Terms& terms) {
    MutexLock lock(mutex_);
    terms_[project] = terms;
    ++changes_;
  }
  // The share stays what it is.
  void SetLimits(const std::string& project, uint32_t most_running, uint32_t most_builds,
                 int64_t most_image_bytes = 0) {
    MutexLock lock(mutex_);
    Terms& terms = terms_[project];
    terms.most_running = most_running;
    terms.most_builds = most_builds;
    terms.most_image_bytes = most_image_bytes;
    ++changes_;
  }
  // The project's terms are the usual ones again.
  void Reset(const std::string& project) {
    MutexLock lock(mutex_);
    if (terms_.erase(project) > 0) ++changes_;
  }
  // The usual ones for one that nobody has set any for.
  Terms Find(const std::string& project) const {
    MutexLock lock(mutex_);
    const auto found = terms_.find(project);
    return found == terms_.end() ? Terms() : found->second;
  }
  // Another number after every change.
  uint64_t changes() const {
    MutexLock lock(mutex_);
    return changes_;
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, Terms> terms_ ABSL_GUARDED_BY(mutex_);
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace crossmill::core
