#include "coordinator/rpc/peers/connected_workers.h"

#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {

absl::Status ConnectedWorkers::Claim(const std::string& name, const std::string& session, const void* stream,
                                     std::function<void()> displaced, absl::Time now) {
  std::function<void()> tell;
  {
    MutexLock lock(mutex_);
    Holder& holder = holders_[name];
    const bool own = !session.empty() && session == holder.session;
    const absl::Duration silent = now - holder.heard;
    if (holder.stream != nullptr && !own && silent < timeout_) {
      return absl::AlreadyExistsError(
          fmt::format("a worker named '{}' is connected, heard of {} ago; this one gets in when that "
                      "connection has ended, or "
                      "was silent for {}: give one of them another --name (and a token for it)",
                      name, Sv(absl::FormatDuration(absl::Trunc(silent, absl::Milliseconds(100)))),
                      Sv(absl::FormatDuration(timeout_))));
    }
    tell = std::exchange(holder, Holder{stream, session, std::move(displaced), now}).displaced;
  }
  if (tell) tell();
  return absl::OkStatus();
}

bool ConnectedWorkers::Heard(const std::string& name, const void* stream, absl::Time now) {
  MutexLock lock(mutex_);
  const auto found = holders_.find(name);
  if (found == holders_.end() || found->second.stream != stream) return false;
  found->second.heard = now;
  return true;
}

void ConnectedWorkers::Release(const std::string& name, const void* stream) {
  MutexLock lock(mutex_);
  const auto found = holders_.find(name);
  if (found != holders_.end() && found->second.stream == stream) holders_.erase(found);
}

}  // namespace crossmill::coordinator
