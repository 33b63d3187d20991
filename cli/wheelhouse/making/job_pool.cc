#include "cli/wheelhouse/making/job_pool.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace crossmill::cli {

int JobPool::Add(Job job, std::vector<int> after) {
  MutexLock lock(mutex_);
  entries_.push_back({std::move(job), std::move(after), false, false});
  changed_.NotifyAll();
  return static_cast<int>(entries_.size()) - 1;
}

int JobPool::Ready() const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].started) continue;
    bool ready = true;
    for (const int before : entries_[i].after) ready = ready && entries_[static_cast<size_t>(before)].over;
    if (ready) return static_cast<int>(i);
  }
  return -1;
}

void JobPool::Work() {
  while (true) {
    Job job;
    size_t number = 0;
    {
      MutexLock lock(mutex_);
      int ready = Ready();
      while (ready < 0 && over_ < entries_.size()) {
        changed_.Wait(mutex_);
        ready = Ready();
      }
      if (ready < 0) return;
      number = static_cast<size_t>(ready);
      entries_[number].started = true;
      job = std::move(entries_[number].job);
    }
    job();
    MutexLock lock(mutex_);
    entries_[number].over = true;
    ++over_;
    changed_.NotifyAll();
  }
}

void JobPool::Run(int threads) {
  std::vector<std::jthread> workers;
  for (int i = 0; i < std::max(threads, 1); ++i) workers.emplace_back([this] { Work(); });
}

}  // namespace crossmill::cli
