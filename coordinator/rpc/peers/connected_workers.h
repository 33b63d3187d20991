// Which connection is which worker: one at a time, so that whoever has a worker's token too cannot take its
// place while it is there. Pure: it is given the time.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe. No calls out of it under its lock.
class ConnectedWorkers {
 public:
  // A connection that said nothing for `timeout` is given up for whoever comes next.
  explicit ConnectedWorkers(absl::Duration timeout) : timeout_(timeout) {}

  // The connection `stream` is worker `name` from now on. `session` is a secret of the worker's process,
  // which it says on every connection: it may replace its own at once, which may hang in a network that is
  // gone; empty: it has none. `displaced` is called when another takes the name. ALREADY_EXISTS while another
  // has it.
  absl::Status Claim(const std::string& name, const std::string& session, const void* stream,
                     std::function<void()> displaced, absl::Time now);
  // Something came on it. False: another has the name by now, and what came must not count.
  bool Heard(const std::string& name, const void* stream, absl::Time now);
  // Nothing if another has the name by now.
  void Release(const std::string& name, const void* stream);

 private:
  struct Holder {
    const void* stream = nullptr;
    std::string session;
    std::function<void()> displaced;
    absl::Time heard;
  };
  const absl::Duration timeout_;
  Mutex mutex_;
  std::map<std::string, Holder> holders_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
