// How far a worker's clock is from the coordinator's, by what it says beside its loads. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "absl/time/time.h"

namespace crossmill::core {

// Not thread safe.
class ClockSamples {
 public:
  // What the worker's clock said, less what the coordinator's says at the arrival. The way makes it less,
  // never more.
  void Take(absl::Duration ahead) {
    samples_[taken_ % samples_.size()] = ahead;
    ++taken_;
  }

  // Of the last ones that with the shortest way: the worker's clock is at least so far ahead, or, negative,
  // at most so far behind. None: it never said.
  std::optional<absl::Duration> Ahead() const {
    if (taken_ == 0) return std::nullopt;
    return *std::max_element(samples_.begin(), samples_.begin() + std::min(taken_, samples_.size()));
  }

 private:
  // A load comes with each heartbeat, and every second while tasks run.
  std::array<absl::Duration, 12> samples_ = {};
  size_t taken_ = 0;
};

}  // namespace crossmill::core
