// Lets long work give way: after so much of it the thread rests for as long, and it ends when it is told to.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"

namespace crossmill::coordinator {

// Not thread safe.
class Pacer {
 public:
  using Sleep = std::function<void(std::chrono::nanoseconds)>;
  static constexpr std::chrono::milliseconds kWork{20};

  // `sleep`: how it rests; it may be woken.
  Pacer(std::stop_token stop, Sleep sleep) : stop_(std::move(stop)), sleep_(std::move(sleep)) {}

  // Between two pieces of work. CANCELLED: told to stop.
  absl::Status Breathe() {
    if (stop_.stop_requested()) return absl::CancelledError("the coordinator stops");
    const auto now = std::chrono::steady_clock::now();
    longest_ = std::max<std::chrono::nanoseconds>(longest_, now - piece_began_);
    // Resting takes none of the processor.
    const std::chrono::nanoseconds busy = Busy();
    longest_busy_ = std::max(longest_busy_, busy - std::exchange(busy_began_, busy));
    if (now - began_ >= kWork) {
      if (!hurried_) sleep_(kWork);
      began_ = std::chrono::steady_clock::now();
    }
    piece_began_ = std::chrono::steady_clock::now();
    return absl::OkStatus();
  }
  // Work begins, or somebody waits for it: no rest then.
  void Begin(bool hurried) {
    hurried_ = hurried;
    longest_ = longest_busy_ = std::chrono::nanoseconds::zero();
    busy_began_ = Busy();
    began_ = piece_began_ = std::chrono::steady_clock::now();
  }
  // The longest time between two breaths since Begin.
  std::chrono::nanoseconds longest() const { return longest_; }
  // The most that this thread computed between two breaths: without what it waited for the disk, or for a
  // processor of a machine that is busy.
  std::chrono::nanoseconds longest_busy() const { return longest_busy_; }

 private:
  static std::chrono::nanoseconds Busy() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

  const std::stop_token stop_;
  const Sleep sleep_;
  bool hurried_ = false;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point piece_began_;
  std::chrono::nanoseconds longest_{0};
  std::chrono::nanoseconds busy_began_{0};
  std::chrono::nanoseconds longest_busy_{0};
};

}  // namespace crossmill::coordinator
