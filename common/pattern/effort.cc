#include "common/pattern/effort.h"

#include <limits>

namespace crossmill::pattern {

absl::Status Effort::Spend(int64_t units) {
  if (stop_.stop_requested()) return absl::CancelledError("planning was cancelled");
  if (units <= left_) {
    left_ -= units;
    return absl::OkStatus();
  }
  left_ = 0;
  return absl::InvalidArgumentError(
      "this takes more work than a build may ask for while it is planned; expected fewer patterns with "
      "wildcards, shorter values, or a smaller context");
}

absl::Status Effort::Spend(size_t times, size_t units) {
  int64_t product = 0;
  if (__builtin_mul_overflow(times, units, &product)) product = std::numeric_limits<int64_t>::max();
  return Spend(product);
}

}  // namespace crossmill::pattern
