// One mutex per key: work on equal keys is done one after the other, so that the second finds the first's
// result.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe.
class KeyedLock {
 public:
  // Holds the key until it dies.
  class Hold {
   public:
    Hold(KeyedLock& lock, std::string key) : lock_(lock), key_(std::move(key)) { lock_.Acquire(key_); }
    ~Hold() { lock_.Release(key_); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    KeyedLock& lock_;
    const std::string key_;
  };

 private:
  void Acquire(const std::string& key) {
    MutexLock lock(mutex_);
    while (!held_.insert(key).second) released_.Wait(mutex_);
  }
  void Release(const std::string& key) {
    MutexLock lock(mutex_);
    held_.erase(key);
    released_.NotifyAll();
  }

  Mutex mutex_;
  CondVar released_;
  std::set<std::string> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
