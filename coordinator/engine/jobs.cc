#include "coordinator/engine/jobs.h"

namespace crossmill::coordinator {

Jobs::Jobs(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

Jobs::~Jobs() { Stop(); }

void Jobs::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    waiting_.clear();
    wake_.NotifyAll();
  }
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Jobs::Run(std::function<void()> job) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  waiting_.push_back(std::move(job));
  wake_.NotifyOne();
}

void Jobs::Work() {
  while (true) {
    std::function<void()> job;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) wake_.Wait(mutex_);
      if (stopping_) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    job();
  }
}

}  // namespace crossmill::coordinator
