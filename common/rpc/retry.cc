#include "common/rpc/retry.h"

#include <algorithm>
#include <chrono>

#include "common/base/mutex.h"
#include "common/base/room/store_outage.h"
#include "common/base/status.h"

namespace crossmill::rpc {
namespace {

// Not the wall clock: whoever sets it back would have everybody wait who tries again just now.
using Steady = std::chrono::steady_clock;

// False if `stop` came before the end.
bool Pause(absl::Duration duration, const std::stop_token& stop) {
  Mutex mutex;
  CondVar stopped;
  const std::stop_callback wake(stop, [&] {
    MutexLock lock(mutex);
    stopped.NotifyAll();
  });
  const auto end = Steady::now() + absl::ToChronoNanoseconds(duration);
  MutexLock lock(mutex);
  while (!stop.stop_requested() && Steady::now() < end) stopped.WaitFor(mutex, end - Steady::now());
  return !stop.stop_requested();
}

}  // namespace

bool IsTransient(const absl::Status& status) {
  // The coordinator has waited for its bucket already, and whoever needs the blob is to say what it waits
  // for.
  if (status.message().find(Av(kBehindAnOutage)) != absl::string_view::npos) return false;
  // CANCELLED: nobody here cancels these calls, so it is a server that shuts down.
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsCancelled(status);
}

bool Backoff::Wait(const absl::Status& status, const std::stop_token& stop) {
  ++failures_;
  const auto now = Steady::now();
  if (!since_) since_ = now;
  const bool goes_on = policy_.outages == nullptr
                           ? failures_ < policy_.attempts
                           : policy_.outages->GoesOn(status, absl::FromChrono(now - *since_), awaits_start_);
  if (!goes_on || !Pause(wait_, stop)) return false;
  wait_ = std::min(wait_ * 2, policy_.longest_wait);
  return true;
}

void Backoff::Reset() {
  failures_ = 0;
  wait_ = policy_.first_wait;
  since_.reset();
  if (policy_.outages != nullptr) policy_.outages->Answered();
}

}  // namespace crossmill::rpc
