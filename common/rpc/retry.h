// How calls to the blob store are tried again when the connection, not the request, was at fault.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace crossmill::rpc {

struct RetryPolicy {
  // Including the first one. The defaults span about 12 s, enough for a coordinator to restart.
  int attempts = 9;
  absl::Duration first_wait = absl::Milliseconds(100);
  absl::Duration longest_wait = absl::Seconds(3);
};

// True for errors that another attempt may cure.
bool IsTransient(const absl::Status& status);

// Counts the attempts of one operation. Not thread safe.
class Backoff {
 public:
  explicit Backoff(const RetryPolicy& policy) : policy_(policy), wait_(policy.first_wait) {}
  // After a failure: waits and returns true if there is an attempt left.
  bool Wait();
  // After progress: all attempts are available again.
  void Reset();

 private:
  const RetryPolicy policy_;
  int failures_ = 0;
  absl::Duration wait_;
};

}  // namespace crossmill::rpc
