// The thread on which everything happens that changes the farm's state. Work is posted from any
// thread; what is waiting is done in one batch inside one database transaction, and only after the
// commit do clients, workers and watchers hear of it. So what was promised is durable, and a busy
// farm pays for one fsync per batch, not per message.
//
// A batch that cannot be committed ends the loop. What it changed in memory is ahead of the record then, and
// nothing could take it back; so nobody hears of that batch, nothing further is done, and the program has to
// start again from the record (LevelDB keeps its first background error in the same way).
#pragma once

#include <deque>
#include <functional>
#include <future>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "coordinator/engine/bounds/loop_watch.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

// Thread safe. Owns its thread; the destructor does the waiting work and joins it.
class TransactionLoop {
 public:
  using OnFailure = std::function<void(const absl::Status&)>;

  // `on_tick` runs in the loop after every batch and at least every `tick`. `on_failure` is told once, in the
  // loop's thread, why a batch could not be committed (UNAVAILABLE); nothing runs in the loop after it.
  TransactionLoop(storage::RecordStore& records, std::function<void()> on_tick,
                  std::chrono::milliseconds tick, OnFailure on_failure = nullptr);
  ~TransactionLoop();
  TransactionLoop(const TransactionLoop&) = delete;
  TransactionLoop& operator=(const TransactionLoop&) = delete;

  // Runs `work` in the loop. After Stop or a failure it is dropped. `kind` is what its time counts for, and
  // lives for ever, here and below.
  void Post(std::function<void()> work, std::string_view kind = "other");
  // Runs `work` in the loop and returns its value after the commit. Not to be called in the loop.
  // UNAVAILABLE with the reason when the commit failed or the loop has stopped.
  template <typename T>
  absl::StatusOr<T> Call(std::function<absl::StatusOr<T>()> work, std::string_view kind = "question") {
    auto promise = std::make_shared<std::promise<absl::StatusOr<T>>>();
    auto future = promise->get_future();
    Effect item;
    item.kind = kind;
    item.failed = [promise](const absl::Status& status) { promise->set_value(status); };
    item.done = [this, promise, work = std::move(work), failed = item.failed] {
      auto value = std::make_shared<absl::StatusOr<T>>(work());
      AfterCommit([promise, value] { promise->set_value(std::move(*value)); }, failed);
    };
    RETURN_IF_ERROR(Enqueue(std::move(item)));
    return future.get();
  }

  // Only in the loop: runs `done` once the current batch is durable, or `failed` if it could not be
  // made so.
  void AfterCommit(std::function<void()> done, std::function<void(const absl::Status&)> failed = nullptr);

  // Only in the loop: unless `recorded` is OK the batch is rolled back and the loop ends, because memory
  // would say what the record does not. For every write that a state in memory relies on.
  void Require(const absl::Status& recorded);

  // How long events held it: what was posted by its kind, parts of the tick by what they do, "commit", and
  // "effects" of one batch. Thread safe.
  LoopWatch& watch() { return watch_; }

  // Finishes what was posted and ends the thread.
  void Stop();

 private:
  // Work and its effect alike: one of the two is called.
  struct Effect {
    std::function<void()> done;
    std::function<void(const absl::Status&)> failed;
    std::string_view kind = "other";
  };

  absl::Status Enqueue(Effect item);
  void Run();
  // False: the loop has failed.
  bool RunBatch(std::deque<Effect> batch);
  void GiveUp(const absl::Status& reason, std::deque<Effect> undone);

  storage::RecordStore& records_;
  const std::function<void()> on_tick_;
  const std::chrono::milliseconds tick_;
  const OnFailure on_failure_;
  LoopWatch watch_;
  // Only used in the loop.
  std::vector<Effect> effects_;
  absl::Status unrecorded_;

  Mutex mutex_;
  CondVar wake_;
  std::deque<Effect> inbox_ ABSL_GUARDED_BY(mutex_);
  // Why nothing is taken any more.
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace crossmill::coordinator
