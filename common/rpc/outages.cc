#include "common/rpc/outages.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "common/base/status.h"

namespace crossmill::rpc {
namespace {

// gRPC has no other way to say what became of a connection than its words. Words that are not here cost
// patience: such a call is tried again for a shorter time. They are compared whole, since a message of the
// coordinator may repeat those of a registry.
constexpr std::string_view kNotConnected = "failed to connect to all addresses";
constexpr std::array<std::string_view, 4> kCut = {"Socket closed", "Connection reset by peer", "Broken pipe",
                                                  "GOAWAY received"};
constexpr std::array<std::string_view, 3> kGone = {"keepalive watchdog timeout", "Transport closed",
                                                   "the stream ended"};

// A connection that was made, and that the other side ended.
bool WasCut(const absl::Status& status) {
  const std::string_view message = Sv(status.message());
  return std::any_of(kCut.begin(), kCut.end(), [&](std::string_view word) {
    return message == word || (NeverSent(status) && message.ends_with(word));
  });
}

}  // namespace

bool NeverSent(const absl::Status& status) {
  return absl::IsUnavailable(status) && Sv(status.message()).starts_with(kNotConnected);
}

bool IsLostConnection(const absl::Status& status) {
  const std::string_view message = Sv(status.message());
  return NeverSent(status) || WasCut(status) || message.starts_with("DNS resolution failed") ||
         std::find(kGone.begin(), kGone.end(), message) != kGone.end();
}

void Outages::Answered() {
  answered_ = true;
  out_ = false;
}

absl::Duration Outages::LimitOf(const absl::Status& status, bool awaits_start) const {
  if (answered_) return IsLostConnection(status) ? limits_.lost : limits_.busy;
  if (WasCut(status)) return limits_.unknown;
  return awaits_start ? limits_.busy : absl::ZeroDuration();
}

bool Outages::GoesOn(const absl::Status& status, absl::Duration since, bool awaits_start) {
  const absl::Duration limit = LimitOf(status, awaits_start);
  if (since >= limit) {
    MutexLock lock(mutex_);
    gave_up_ = std::max(gave_up_, since);
    return false;
  }
  if (!out_.exchange(true)) {
    MutexLock lock(mutex_);
    if (tell_) {
      tell_(fmt::format(
          "{}; trying again for up to {} s ({})",
          answered_ ? "the connection to the coordinator is lost" : "the coordinator cannot be reached yet",
          absl::ToInt64Seconds(limit), Sv(status.message())));
    }
  }
  return true;
}

absl::Duration Outages::gave_up() {
  MutexLock lock(mutex_);
  return gave_up_;
}

Outages::Tell Outages::TellTo(Tell tell) {
  MutexLock lock(mutex_);
  return std::exchange(tell_, std::move(tell));
}

}  // namespace crossmill::rpc
