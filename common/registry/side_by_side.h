// Several transfers at a time, the first error ending all.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/mutex.h"

namespace crossmill::registry {

// Calls `work` for 0 .. count-1 on up to `threads` threads, this one among them. Its token stops when `stop`
// does or another call has failed. The first error, else CANCELLED when stopped.
inline absl::Status SideBySide(size_t count, int threads, const std::stop_token& stop,
                               const std::function<absl::Status(size_t, std::stop_token)>& work) {
  std::atomic<size_t> next{0};
  std::stop_source ending;
  const std::stop_callback forward(stop, [&ending] { ending.request_stop(); });
  Mutex mutex;
  absl::Status status;
  const auto run = [&] {
    for (size_t i = next++; i < count && !ending.stop_requested(); i = next++) {
      const absl::Status done = work(i, ending.get_token());
      if (done.ok()) continue;
      {
        // Errors after the first only say that they were stopped.
        MutexLock lock(mutex);
        if (status.ok()) status = done;
      }
      ending.request_stop();
    }
  };
  {
    std::vector<std::jthread> others;
    for (size_t i = 1; i < std::min<size_t>(count, static_cast<size_t>(std::max(1, threads))); ++i)
      others.emplace_back(run);
    run();
  }
  if (status.ok() && stop.stop_requested()) return absl::CancelledError("the transfer was stopped");
  return status;
}

}  // namespace crossmill::registry
