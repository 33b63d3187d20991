#include "worker/mounts/task_secrets.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/base/mutex.h"

namespace crossmill::worker {
namespace {

// Closes the process's memory from the first holder of a value to the last.
class ClosedMemory {
 public:
  void Enter() {
    MutexLock lock(mutex_);
    if (holders_++ > 0) return;
    dumpable_ = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    getrlimit(RLIMIT_CORE, &core_);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    // Only the soft limit: a lowered hard one could not be raised again.
    const rlimit none{0, core_.rlim_max};
    setrlimit(RLIMIT_CORE, &none);
  }
  void Leave() {
    MutexLock lock(mutex_);
    if (--holders_ > 0) return;
    setrlimit(RLIMIT_CORE, &core_);
    if (dumpable_ == 1) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  }

 private:
  Mutex mutex_;
  int holders_ ABSL_GUARDED_BY(mutex_) = 0;
  int dumpable_ ABSL_GUARDED_BY(mutex_) = 0;
  rlimit core_ ABSL_GUARDED_BY(mutex_){};
};

ClosedMemory& Memory() {
  static ClosedMemory memory;
  return memory;
}

}  // namespace

TaskSecrets::~TaskSecrets() {
  for (auto& [id, value] : values_) Wipe(&value);
  if (!values_.empty()) Memory().Leave();
}

void TaskSecrets::Add(const std::string& id, std::string_view value) {
  if (values_.empty()) Memory().Enter();
  std::string& kept = values_[id];
  Wipe(&kept);
  kept.assign(value);
}

const std::string* TaskSecrets::Find(const std::string& id) const {
  const auto found = values_.find(id);
  return found == values_.end() ? nullptr : &found->second;
}

}  // namespace crossmill::worker
