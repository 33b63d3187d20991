// Jobs on a few threads, each after those that it waits for.
#pragma once

#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/base/mutex.h"

namespace crossmill::cli {

// Thread safe: jobs may add jobs.
class JobPool {
 public:
  using Job = std::function<void()>;

  // Returns the job's number. `after`: numbers of jobs that have to be over before it begins.
  int Add(Job job, std::vector<int> after = {});

  // Runs all jobs, also those that are added meanwhile, on so many threads; returns when none is left.
  void Run(int threads);

 private:
  struct Entry {
    Job job;
    std::vector<int> after;
    bool started = false;
    bool over = false;
  };

  void Work();
  // The next job that can begin, or -1.
  int Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  size_t over_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::cli
