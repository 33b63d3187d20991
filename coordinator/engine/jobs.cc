#include "coordinator/engine/jobs.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/stop.h"
#include "common/base/threads.h"

namespace crossmill::coordinator {

namespace {

constexpr int kProcessorNice = 5;

}  // namespace

Jobs::Jobs(JobThreads threads) {
  MutexLock lock(mutex_);
  pools_[JobKind::kNetwork].limit = static_cast<size_t>(std::max(1, threads.network));
  pools_[JobKind::kProcessor].limit = static_cast<size_t>(std::max(1, threads.processor));
  // So that no job waits for a thread that can never be made.
  for (auto& [kind, pool] : pools_) {
    if (const absl::Status first = AddThread(kind, pool); !first.ok())
      LogWarning("jobs wait: {}", Sv(first.message()));
  }
}

Jobs::~Jobs() { Stop(); }

void Jobs::Stop() {
  std::vector<std::jthread> threads;
  std::vector<Waiting> dropped;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (auto& [kind, pool] : pools_) {
      for (Waiting& waiting : pool.waiting) dropped.push_back(std::move(waiting));
      pool.waiting.clear();
      for (std::jthread& thread : pool.threads) threads.push_back(std::move(thread));
      pool.threads.clear();
    }
    wake_.NotifyAll();
  }
  stop_.request_stop();
  for (std::jthread& thread : threads) thread.join();
}

void Jobs::Run(JobKind kind, std::stop_token stop, Job job) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  Pool& pool = pools_[kind];
  pool.waiting.push_back({std::move(stop), std::move(job)});
  if (pool.waiting.size() > pool.idle && pool.threads.size() < pool.limit) {
    const absl::Status added = AddThread(kind, pool);
    // There is one at least, which comes to it.
    if (!added.ok()) LogWarning("a job waits for another one's thread: {}", Sv(added.message()));
  }
  // Of both kinds, with one condition: whoever has nothing to do waits on.
  wake_.NotifyAll();
}

absl::Status Jobs::AddThread(JobKind kind, Pool& pool) {
  ASSIGN_OR_RETURN(std::jthread thread, StartThread([this, &pool, kind] {
                     // Packing an image must not hold up the steps that run on this machine; threads that it
                     // begins inherit this.
                     if (kind == JobKind::kProcessor)
                       (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kProcessorNice);
                     Work(pool);
                   }));
  // Counted at once, so that the next job does not take it for its own.
  ++pool.idle;
  pool.threads.push_back(std::move(thread));
  return absl::OkStatus();
}

Jobs::Waiting Jobs::Next(Pool& pool) {
  MutexLock lock(mutex_);
  while (pool.waiting.empty() && !stopping_) wake_.Wait(mutex_);
  if (stopping_) return {};
  --pool.idle;
  Waiting next = std::move(pool.waiting.front());
  pool.waiting.pop_front();
  return next;
}

void Jobs::Work(Pool& pool) {
  while (true) {
    {
      const Waiting next = Next(pool);
      if (!next.job) return;
      const StopOfEither stop(next.stop, stop_.get_token());
      next.job(stop.token());
    }
    MutexLock lock(mutex_);
    ++pool.idle;
  }
}

}  // namespace crossmill::coordinator
