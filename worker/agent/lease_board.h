// The leases a worker holds: started, stopped and forgotten as the coordinator desires, executed on
// threads of their own, reported whenever there is a connection.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "crossmill/v1/worker.pb.h"
#include "worker/agent/undelivered_results.h"
#include "worker/mounts/task_secrets.h"
#include "worker/task/stage_executor.h"

namespace crossmill::worker {

// Thread safe. Tasks go on while there is no connection; what they report then waits, console output up
// to a limit.
class LeaseBoard {
 public:
  // Must be thread safe; called on the lease's own thread.
  using Execute = std::function<v1::TaskResult(const v1::Task&, const TaskContext&, ExecutionObserver&,
                                               const std::stop_token&)>;

  // Console bytes kept for a connection; beyond it the oldest pieces are dropped, with a note.
  static constexpr size_t kWaitingLogBytes = 16 << 20;

  LeaseBoard(v1::WorkerInfo info, Execute execute, UndeliveredResults& results);
  // Cancels what runs and waits for its end.
  ~LeaseBoard();

  // Results that an earlier process left. Call before the first connection.
  absl::Status Restore();

  // A new connection: everything that is said on it from now on begins with the whole state.
  void Connected();

  // Obeys the desired state. The values of secrets are copied; those in the message are the caller's to wipe.
  void Apply(const v1::SynchronizeResponse& desired);

  // The next message to send, waiting up to `patience`; nothing when there is none. Messages are lost if
  // the connection breaks before they arrive, except results, which are sent again on the next one.
  std::optional<v1::SynchronizeRequest> Next(absl::Duration patience);

  // Makes Next return at once, also when nothing is there.
  void Wake();

  // Takes nothing new from now on and says so.
  void Drain();
  // Ends all that runs; its leases are reported as INFRASTRUCTURE with `why`, so that others get them.
  void CancelAll(const std::string& why);
  // True when nothing runs and every result is acknowledged.
  bool Idle();
  bool Running();

 private:
  class LeaseObserver;
  struct Lease {
    v1::Task task;
    // Until it runs: then they are its thread's alone.
    std::shared_ptr<const TaskSecrets> secrets;
    std::stop_source stop;
    std::optional<v1::TaskResult> result;
    bool started = false;
    // No longer desired: its result interests nobody.
    bool abandoned = false;
    // Set when this process ends the task for its own reasons.
    std::string cut_short;
    std::jthread thread;
  };

  void StartWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunLease(TaskContext context, const v1::Task& task, const std::stop_token& stop);
  void Finish(uint64_t number, v1::TaskResult result);
  void Report(uint64_t number, v1::LeaseReport report);
  void PushReport(v1::LeaseReport report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TrimLogs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::SynchronizeRequest StateMessage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const v1::WorkerInfo info_;
  // Says on every connection that it is this process' (WorkerState.session).
  const std::string session_;
  const Execute execute_;
  UndeliveredResults& results_;

  Mutex mutex_;
  CondVar changed_;
  // By number, which is the order in which they were given.
  std::map<uint64_t, Lease> leases_ ABSL_GUARDED_BY(mutex_);
  uint32_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<v1::LeaseReport> reports_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_log_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool state_due_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  // Threads of leases that ended, to be joined outside the lock.
  std::list<std::jthread> ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::worker
