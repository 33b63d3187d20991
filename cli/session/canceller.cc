#include "cli/session/canceller.h"

#include "common/base/status.h"

namespace crossmill::cli {
namespace {

constexpr std::chrono::milliseconds kRetryCancel{500};

}  // namespace

Canceller::Canceller(Session& session, Progress& progress, const CancelOptions& options,
                     std::function<absl::Status(bool timed_out)> cancel)
    : session_(session),
      progress_(progress),
      options_(options),
      cancel_(std::move(cancel)),
      thread_([this](std::stop_token stop) { Run(stop); }) {
  session_.env.OnInterrupt([this](int count) { OnInterruptCount(count); });
}

Canceller::~Canceller() {
  session_.env.OnInterrupt({});
  MutexLock lock(mutex_);
  thread_.request_stop();
  wake_.NotifyAll();
}

void Canceller::Submitted() {
  MutexLock lock(mutex_);
  submitted_ = true;
  wake_.NotifyAll();
}

void Canceller::OnInterruptCount(int count) {
  if (count > 1) {
    session_.env.ForceExit(130);
    return;
  }
  if (options_.on_interrupt == OnInterrupt::kDetach) {
    watch_stop_.request_stop();
    return;
  }
  progress_.Note("cancelling (once more to leave at once)");
  MutexLock lock(mutex_);
  wanted_ = true;
  wake_.NotifyAll();
}

bool Canceller::WaitForReason(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  bool timed_out = false;
  while (!stop.stop_requested()) {
    if (!wanted_ && options_.deadline && std::chrono::steady_clock::now() >= *options_.deadline) {
      wanted_ = timed_out = true;
    }
    if (wanted_ && submitted_) break;
    if (options_.deadline && !wanted_) {
      wake_.WaitFor(mutex_, *options_.deadline - std::chrono::steady_clock::now());
    } else {
      wake_.Wait(mutex_);
    }
  }
  return timed_out;
}

void Canceller::Run(const std::stop_token& stop) {
  const bool timed_out = WaitForReason(stop);
  if (stop.stop_requested()) return;
  if (timed_out) progress_.Note("the time is up; cancelling");
  absl::Status status = cancel_(timed_out);
  if (absl::IsUnavailable(status)) {
    progress_.Note(fmt::format("cannot cancel yet, trying on: {}", Sv(status.message())));
  }
  // A coordinator that is being started again has the build still.
  while (absl::IsUnavailable(status) && !StopsWithin(stop, kRetryCancel)) status = cancel_(timed_out);
  if (!status.ok() && !absl::IsUnavailable(status) && !absl::IsFailedPrecondition(status)) {
    progress_.Note(fmt::format("cannot cancel: {}", Sv(status.message())));
  }
}

bool Canceller::StopsWithin(const std::stop_token& stop, std::chrono::nanoseconds time) {
  MutexLock lock(mutex_);
  if (!stop.stop_requested()) wake_.WaitFor(mutex_, time);
  return stop.stop_requested();
}

}  // namespace crossmill::cli
