// The thread on which everything happens that changes the farm's state. Work is posted from any
// thread; what is waiting is done in one batch inside one database transaction, and only after the
// commit do clients, workers and watchers hear of it. So what was promised is durable, and a busy
// farm pays for one fsync per batch, not per message.
#pragma once

#include <deque>
#include <functional>
#include <future>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/mutex.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

// Thread safe. Owns its thread; the destructor does the waiting work and joins it.
class TransactionLoop {
 public:
  // `on_tick` runs in the loop after every batch and at least every `tick`.
  TransactionLoop(storage::RecordStore& records, std::function<void()> on_tick,
                  std::chrono::milliseconds tick);
  ~TransactionLoop();
  TransactionLoop(const TransactionLoop&) = delete;
  TransactionLoop& operator=(const TransactionLoop&) = delete;

  // Runs `work` in the loop. After Stop it is dropped.
  void Post(std::function<void()> work);
  // Runs `work` in the loop and returns its value after the commit. Not to be called in the loop.
  // UNAVAILABLE when the commit failed or the loop has stopped.
  template <typename T>
  absl::StatusOr<T> Call(std::function<absl::StatusOr<T>()> work) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<T>>>();
    auto future = promise->get_future();
    const bool posted = Enqueue([this, promise, work = std::move(work)] {
      auto value = std::make_shared<absl::StatusOr<T>>(work());
      AfterCommit([promise, value] { promise->set_value(std::move(*value)); },
                  [promise](const absl::Status& status) { promise->set_value(status); });
    });
    if (!posted) return absl::UnavailableError("the coordinator is shutting down");
    return future.get();
  }

  // Only in the loop: runs `done` once the current batch is durable, or `failed` if it could not be
  // made so.
  void AfterCommit(std::function<void()> done, std::function<void(const absl::Status&)> failed = nullptr);

  // Finishes what was posted and ends the thread.
  void Stop();

 private:
  struct Effect {
    std::function<void()> done;
    std::function<void(const absl::Status&)> failed;
  };

  bool Enqueue(std::function<void()> work);
  void Run();
  void RunBatch(std::deque<std::function<void()>> batch);

  storage::RecordStore& records_;
  const std::function<void()> on_tick_;
  const std::chrono::milliseconds tick_;
  // Only used in the loop.
  std::vector<Effect> effects_;

  Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> inbox_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace crossmill::coordinator
