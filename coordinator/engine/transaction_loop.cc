#include "coordinator/engine/transaction_loop.h"

#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {

TransactionLoop::TransactionLoop(storage::RecordStore& records, std::function<void()> on_tick,
                                 std::chrono::milliseconds tick)
    : records_(records), on_tick_(std::move(on_tick)), tick_(tick), thread_([this] { Run(); }) {}

TransactionLoop::~TransactionLoop() { Stop(); }

void TransactionLoop::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

bool TransactionLoop::Enqueue(std::function<void()> work) {
  MutexLock lock(mutex_);
  if (stopping_) return false;
  inbox_.push_back(std::move(work));
  wake_.NotifyOne();
  return true;
}

void TransactionLoop::Post(std::function<void()> work) { Enqueue(std::move(work)); }

void TransactionLoop::AfterCommit(std::function<void()> done,
                                  std::function<void(const absl::Status&)> failed) {
  effects_.push_back(Effect{std::move(done), std::move(failed)});
}

void TransactionLoop::Run() {
  while (true) {
    std::deque<std::function<void()>> batch;
    {
      MutexLock lock(mutex_);
      if (inbox_.empty() && !stopping_) wake_.WaitFor(mutex_, tick_);
      batch.swap(inbox_);
      if (batch.empty() && stopping_) return;
    }
    RunBatch(std::move(batch));
  }
}

void TransactionLoop::RunBatch(std::deque<std::function<void()>> batch) {
  const absl::Status status = records_.Transact([&] {
    for (auto& work : batch) work();
    on_tick_();
    return absl::OkStatus();
  });
  std::vector<Effect> effects = std::exchange(effects_, {});
  if (!status.ok()) spdlog::error("commit failed: {}", Sv(status.message()));
  for (Effect& effect : effects) {
    if (status.ok() && effect.done) effect.done();
    if (!status.ok() && effect.failed) effect.failed(status);
  }
}

}  // namespace crossmill::coordinator
