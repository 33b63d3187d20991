#include "coordinator/rpc/streams/stream_pool.h"

#include <utility>

namespace crossmill::coordinator {

StreamPool::StreamPool(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

StreamPool::~StreamPool() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    wake_.NotifyAll();
  }
  threads_.clear();
}

void StreamPool::MakeReady(std::shared_ptr<Work> work) {
  if (work->running_) {
    work->again_ = true;
    return;
  }
  if (std::exchange(work->ready_, true)) return;
  ready_.push_back(std::move(work));
  wake_.NotifyOne();
}

void StreamPool::Soon(std::shared_ptr<Work> work) {
  MutexLock lock(mutex_);
  MakeReady(std::move(work));
}

void StreamPool::After(std::shared_ptr<Work> work, std::chrono::milliseconds pause) {
  MutexLock lock(mutex_);
  later_.emplace(std::chrono::steady_clock::now() + pause, std::move(work));
  // Whoever waits may wait for a later one.
  wake_.NotifyOne();
}

std::shared_ptr<StreamPool::Work> StreamPool::Take() {
  while (!ending_) {
    const Time now = std::chrono::steady_clock::now();
    while (!later_.empty() && later_.begin()->first <= now) {
      auto due = later_.extract(later_.begin());
      MakeReady(std::move(due.mapped()));
    }
    if (!ready_.empty()) {
      std::shared_ptr<Work> work = std::move(ready_.front());
      ready_.pop_front();
      return work;
    }
    if (later_.empty()) {
      wake_.Wait(mutex_);
    } else {
      wake_.WaitFor(mutex_, later_.begin()->first - now);
    }
  }
  return nullptr;
}

void StreamPool::Run() {
  while (true) {
    std::shared_ptr<Work> work;
    {
      MutexLock lock(mutex_);
      work = Take();
      if (work == nullptr) return;
      work->ready_ = false;
      work->running_ = true;
    }
    work->Step();
    MutexLock lock(mutex_);
    work->running_ = false;
    if (std::exchange(work->again_, false)) MakeReady(std::move(work));
  }
}

}  // namespace crossmill::coordinator
