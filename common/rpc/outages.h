// What all calls over one connection know together of a coordinator that does not answer: for how long they
// go on trying, and that the user is told once.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace crossmill::rpc {

// The request did not leave this machine: also a call that must not be made twice may be made again.
bool NeverSent(const absl::Status& status);
// The connection failed, and not the coordinator's answer to the call.
bool IsLostConnection(const absl::Status& status);

struct OutageLimits {
  // A coordinator that has answered, and whose connection is lost or cannot be made again.
  absl::Duration lost = absl::Minutes(10);
  // One that has not answered yet, and ends the connections that it takes: it has no room for us now, or is
  // none.
  absl::Duration unknown = absl::Seconds(30);
  // One that answers that it cannot answer, and for what awaits its start, one that nobody reaches. Long
  // enough for a coordinator to be started again.
  absl::Duration busy = absl::Seconds(16);
};

// Thread safe.
class Outages {
 public:
  // `tell` gets the one line of an outage, on the thread whose call fails first.
  using Tell = std::function<void(std::string_view)>;

  explicit Outages(const OutageLimits& limits, Tell tell = {}) : limits_(limits), tell_(std::move(tell)) {}

  // An answer came: what fails from now on is another outage.
  void Answered();
  // Whether a call that failed with `status`, first so long ago, is to be made again. `awaits_start`: it also
  // waits for a coordinator that nobody has reached.
  bool GoesOn(const absl::Status& status, absl::Duration since, bool awaits_start);
  // How long a call went on before it was given up; zero where none was.
  absl::Duration gave_up();
  // Who is told from now on. The former, which is returned, is not called afterwards.
  Tell TellTo(Tell tell);

 private:
  absl::Duration LimitOf(const absl::Status& status, bool awaits_start) const;

  const OutageLimits limits_;
  std::atomic<bool> answered_ = false;
  // Something failed since the last answer.
  std::atomic<bool> out_ = false;
  Mutex mutex_;
  Tell tell_ ABSL_GUARDED_BY(mutex_);
  absl::Duration gave_up_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::rpc
