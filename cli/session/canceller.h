// Interrupts of the user and the deadline of --timeout as calls that cancel what was submitted.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <thread>

#include "absl/status/status.h"
#include "cli/session/session.h"
#include "cli/show/progress.h"
#include "common/base/mutex.h"

namespace crossmill::cli {

enum class OnInterrupt {
  // The first interrupt cancels the build, the second ends the program.
  kCancel,
  // The first interrupt stops watching.
  kDetach,
};

struct CancelOptions {
  OnInterrupt on_interrupt = OnInterrupt::kCancel;
  // When it is to be cancelled as timed out.
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

// Takes the session's interrupts until it is destroyed; the references must outlive it. A thread of its own
// makes the calls, again while the coordinator cannot be reached: an interrupt must never wait for it.
class Canceller {
 public:
  Canceller(Session& session, Progress& progress, const CancelOptions& options,
            std::function<absl::Status(bool timed_out)> cancel);
  ~Canceller();
  Canceller(const Canceller&) = delete;
  Canceller& operator=(const Canceller&) = delete;

  // From now on there is something to cancel: `cancel` is not called before.
  void Submitted();
  // Asked to stop by an interrupt that detaches.
  std::stop_token watch_stop() const { return watch_stop_.get_token(); }

 private:
  void OnInterruptCount(int count);
  // Waits until there is something to cancel and a reason to; true if the reason is the deadline. False with
  // the stop requested when neither came.
  bool WaitForReason(const std::stop_token& stop);
  void Run(const std::stop_token& stop);
  bool StopsWithin(const std::stop_token& stop, std::chrono::nanoseconds time);

  Session& session_;
  Progress& progress_;
  const CancelOptions options_;
  const std::function<absl::Status(bool)> cancel_;
  std::stop_source watch_stop_;
  Mutex mutex_;
  CondVar wake_;
  bool submitted_ ABSL_GUARDED_BY(mutex_) = false;
  // Somebody or the clock wants it cancelled.
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;
  // Last: it uses everything above.
  std::jthread thread_;
};

}  // namespace crossmill::cli
