#include "coordinator/engine/transaction_loop.h"

#include <utility>

#include "common/base/log.h"

namespace crossmill::coordinator {

TransactionLoop::TransactionLoop(storage::RecordStore& records, std::function<void()> on_tick,
                                 std::chrono::milliseconds tick, OnFailure on_failure)
    : records_(records),
      on_tick_(std::move(on_tick)),
      tick_(tick),
      on_failure_(std::move(on_failure)),
      thread_([this] { Run(); }) {}

TransactionLoop::~TransactionLoop() { Stop(); }

void TransactionLoop::Stop() {
  {
    MutexLock lock(mutex_);
    if (refusal_.ok()) refusal_ = absl::UnavailableError("the coordinator is shutting down");
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status TransactionLoop::Enqueue(Effect item) {
  MutexLock lock(mutex_);
  if (!refusal_.ok()) return refusal_;
  inbox_.push_back(std::move(item));
  wake_.NotifyOne();
  return absl::OkStatus();
}

void TransactionLoop::Post(std::function<void()> work, std::string_view kind) {
  Enqueue({std::move(work), nullptr, kind}).IgnoreError();
}

void TransactionLoop::AfterCommit(std::function<void()> done,
                                  std::function<void(const absl::Status&)> failed) {
  effects_.push_back(Effect{std::move(done), std::move(failed), "effects"});
}

void TransactionLoop::Require(const absl::Status& recorded) {
  if (unrecorded_.ok()) unrecorded_ = recorded;
}

void TransactionLoop::Run() {
  while (true) {
    std::deque<Effect> batch;
    {
      MutexLock lock(mutex_);
      if (inbox_.empty() && refusal_.ok()) wake_.WaitFor(mutex_, tick_);
      batch.swap(inbox_);
      if (batch.empty() && !refusal_.ok()) return;
    }
    if (!RunBatch(std::move(batch))) return;
  }
}

bool TransactionLoop::RunBatch(std::deque<Effect> batch) {
  std::chrono::steady_clock::time_point written;
  absl::Status status = records_.Transact([&] {
    while (!batch.empty() && unrecorded_.ok()) {
      const Effect item = std::move(batch.front());
      batch.pop_front();
      const LoopWatch::Timer timer(watch_, item.kind);
      item.done();
    }
    if (unrecorded_.ok()) on_tick_();
    written = std::chrono::steady_clock::now();
    return unrecorded_;
  });
  watch_.Note("commit", std::chrono::steady_clock::now() - written);
  if (!status.ok()) {
    GiveUp(status, std::move(batch));
    return false;
  }
  const LoopWatch::Timer timer(watch_, "effects");
  for (Effect& effect : std::exchange(effects_, {})) {
    if (effect.done) effect.done();
  }
  return true;
}

void TransactionLoop::GiveUp(const absl::Status& reason, std::deque<Effect> undone) {
  const absl::Status refusal = absl::UnavailableError(Av(
      fmt::format("the coordinator stops, because what it did could not be recorded: {}; it goes on from its "
                  "record when it is started again",
                  Sv(reason.message()))));
  LogCritical("{}", Sv(refusal.message()));
  std::deque<Effect> waiting;
  {
    MutexLock lock(mutex_);
    // Also when it is stopping: what this batch promised is not kept.
    refusal_ = refusal;
    waiting.swap(inbox_);
  }
  for (Effect& effect : std::exchange(effects_, {})) {
    if (effect.failed) effect.failed(refusal);
  }
  for (std::deque<Effect>* left : {&undone, &waiting}) {
    for (Effect& item : *left) {
      if (item.failed) item.failed(refusal);
    }
  }
  if (on_failure_) on_failure_(refusal);
}

}  // namespace crossmill::coordinator
