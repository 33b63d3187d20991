// Work that takes long (pulling, compressing, comparing) and must not hold up the transaction loop.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

// What a job waits for most of the time. Each kind has threads of its own: a registry that does not answer
// holds up no image that only has to be compressed.
enum class JobKind { kNetwork, kProcessor };

struct JobThreads {
  // Many: they cost little while they wait, and a slow server must not keep others' builds from being
  // planned.
  int network = 64;
  int processor = 4;
};

// Thread safe. The first thread of each kind is there from the start, others when they are first needed. The
// destructor tells jobs that run to stop and waits for them; those that wait are dropped.
class Jobs {
 public:
  using Job = std::function<void(const std::stop_token&)>;

  explicit Jobs(JobThreads threads);
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  // The job's token stops when `stop` does, or with Stop().
  void Run(JobKind kind, std::stop_token stop, Job job);
  void Stop();

 private:
  struct Waiting {
    std::stop_token stop;
    Job job;
  };
  struct Pool {
    size_t limit = 1;
    size_t idle = 0;
    std::deque<Waiting> waiting;
    std::vector<std::jthread> threads;
  };

  absl::Status AddThread(JobKind kind, Pool& pool) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work(Pool& pool);
  // The next job; an empty one at the end.
  Waiting Next(Pool& pool);

  std::stop_source stop_;
  Mutex mutex_;
  CondVar wake_;
  std::map<JobKind, Pool> pools_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace crossmill::coordinator
