// Days and weeks of somebody's zone, and what ended in each of them. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "crossmill/v1/overview.pb.h"

namespace crossmill::overview {

inline constexpr int64_t kHour = int64_t{3'600} * 1'000'000'000;

// The spans without sums, oldest first: `days` days, the one of `now` the last; or the weeks that hold them,
// from Monday.
std::vector<v1::TrendSpan> MakeSpans(absl::Time now, absl::TimeZone zone, int days, bool weekly);

// Adds the sums of an hour, which begins at `hour` times kHour, to the span in which it begins.
void AddHour(int64_t hour, const v1::TrendSums& sums, std::vector<v1::TrendSpan>* spans);
// When all hours were added.
void FinishSpans(std::vector<v1::TrendSpan>* spans);

}  // namespace crossmill::overview
