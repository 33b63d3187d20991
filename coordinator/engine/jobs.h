// Work that takes long (pulling, compressing, comparing) and must not hold up the transaction loop.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe. The destructor waits for jobs that run; those that wait are dropped.
class Jobs {
 public:
  explicit Jobs(int threads);
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  void Run(std::function<void()> job);
  void Stop();

 private:
  void Work();

  Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

}  // namespace crossmill::coordinator
