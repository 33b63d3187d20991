// Few threads for many streams: each stream does a step when something is to be done for it, and else costs
// no thread.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe.
class StreamPool {
 public:
  // What a stream does next. It may read the record, and never waits.
  class Work {
   public:
    virtual ~Work() = default;

   private:
    friend class StreamPool;
    // By one thread at a time.
    virtual void Step() = 0;

    // Protected by the pool's mutex.
    bool ready_ = false;
    bool running_ = false;
    bool again_ = false;
  };

  explicit StreamPool(int threads = 4);
  // What was not done yet is dropped.
  ~StreamPool();
  StreamPool(const StreamPool&) = delete;
  StreamPool& operator=(const StreamPool&) = delete;

  // A step as soon as a thread is free, also if one is being done right now. Several requests before it
  // begins are one.
  void Soon(std::shared_ptr<Work> work);
  void After(std::shared_ptr<Work> work, std::chrono::milliseconds pause);

 private:
  using Time = std::chrono::steady_clock::time_point;

  void Run();
  void MakeReady(std::shared_ptr<Work> work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits for the next; null at the end.
  std::shared_ptr<Work> Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar wake_;
  std::deque<std::shared_ptr<Work>> ready_ ABSL_GUARDED_BY(mutex_);
  std::multimap<Time, std::shared_ptr<Work>> later_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

}  // namespace crossmill::coordinator
