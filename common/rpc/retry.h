// How calls are tried again when the connection, not the request, was at fault.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/rpc/outages.h"

namespace crossmill::rpc {

struct RetryPolicy {
  // Including the first one. The defaults span about 12 s, enough for a coordinator to restart.
  int attempts = 9;
  absl::Duration first_wait = absl::Milliseconds(100);
  absl::Duration longest_wait = absl::Seconds(3);
  // If there is one it says how long, in place of `attempts`.
  std::shared_ptr<Outages> outages;
};

// True for errors that another attempt may cure.
bool IsTransient(const absl::Status& status);

// Counts the attempts of one operation. Not thread safe.
class Backoff {
 public:
  // `awaits_start`: also waits for a coordinator that nobody has reached yet.
  explicit Backoff(const RetryPolicy& policy, bool awaits_start = true)
      : policy_(policy), awaits_start_(awaits_start), wait_(policy.first_wait) {}
  // After a failure: waits and returns true if there is an attempt left. False soon after `stop`.
  bool Wait(const absl::Status& status, const std::stop_token& stop = {});
  // After progress: all attempts are available again.
  void Reset();

 private:
  const RetryPolicy policy_;
  const bool awaits_start_;
  int failures_ = 0;
  absl::Duration wait_;
  // When the first failed since the last progress.
  std::optional<std::chrono::steady_clock::time_point> since_;
};

}  // namespace crossmill::rpc
