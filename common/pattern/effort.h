// How much work a recipe may ask for: counted, so that every machine gives the same answer, and ended by a
// token.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string_view>

#include "absl/status/status.h"

namespace crossmill::pattern {

// Whoever walks, matches or expands what a stranger wrote spends what it costs beforehand, in units of about
// a nanosecond of a usual processor. Not thread safe.
class Effort {
 public:
  // A recipe of thousands of lines takes less than a tenth, a hundred excludes over a hundred thousand files
  // a quarter.
  static constexpr int64_t kUsual = 30'000'000'000;

  // For each byte that stays in the plan: this bounds its memory.
  static constexpr size_t kKeptByte = 300;

  explicit Effort(int64_t most = kUsual, std::stop_token stop = {}) : left_(most), stop_(std::move(stop)) {}

  // INVALID_ARGUMENT when more is spent than there is, and from then on; CANCELLED when the token is stopped.
  absl::Status Spend(int64_t units);
  // More was asked than there was.
  bool exhausted() const { return left_ < 0; }
  // For counts that are multiplied: a product that does not fit is more than there is.
  absl::Status Spend(size_t times, size_t units);

 private:
  int64_t left_;
  const std::stop_token stop_;
};

// Nothing is limited for those that have none.
inline absl::Status Spend(Effort* effort, size_t times, size_t units) {
  return effort == nullptr ? absl::OkStatus() : effort->Spend(times, units);
}

}  // namespace crossmill::pattern
