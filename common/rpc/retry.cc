#include "common/rpc/retry.h"

#include <algorithm>
#include <thread>

#include "common/base/room/store_outage.h"
#include "common/base/status.h"

namespace crossmill::rpc {

bool IsTransient(const absl::Status& status) {
  // The coordinator has waited for its bucket already, and whoever needs the blob is to say what it waits
  // for.
  if (status.message().find(Av(kBehindAnOutage)) != absl::string_view::npos) return false;
  // CANCELLED: nobody here cancels these calls, so it is a server that shuts down.
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsCancelled(status);
}

bool Backoff::Wait() {
  if (++failures_ >= policy_.attempts) return false;
  std::this_thread::sleep_for(absl::ToChronoNanoseconds(wait_));
  wait_ = std::min(wait_ * 2, policy_.longest_wait);
  return true;
}

void Backoff::Reset() {
  failures_ = 0;
  wait_ = policy_.first_wait;
}

}  // namespace crossmill::rpc
