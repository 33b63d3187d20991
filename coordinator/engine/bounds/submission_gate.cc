#include "coordinator/engine/bounds/submission_gate.h"

#include <chrono>

#include "common/base/status.h"

namespace crossmill::coordinator {

SubmissionGate::Place::~Place() {
  if (gate_ == nullptr) return;
  MutexLock lock(gate_->mutex_);
  --gate_->inside_;
  gate_->left_.NotifyAll();
}

absl::StatusOr<SubmissionGate::Place> SubmissionGate::Enter(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    left_.NotifyAll();
  });
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(options_.patience);
  const auto busy = [this] {
    return absl::ResourceExhaustedError(fmt::format(
        "{} submissions are being read at the same time, which is as many as are read; submit again "
        "in a while",
        options_.at_once));
  };
  MutexLock lock(mutex_);
  if (inside_ >= options_.at_once && waiting_ >= options_.waiting) return busy();
  ++waiting_;
  while (inside_ >= options_.at_once && !stop.stop_requested()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) break;
    left_.WaitFor(mutex_, left);
  }
  --waiting_;
  if (stop.stop_requested()) return absl::CancelledError("the client went away");
  if (inside_ >= options_.at_once) return busy();
  ++inside_;
  return Place(*this);
}

}  // namespace crossmill::coordinator
