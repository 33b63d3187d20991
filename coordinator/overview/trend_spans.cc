#include "coordinator/overview/trend_spans.h"

#include <algorithm>

#include "absl/time/civil_time.h"
#include "coordinator/overview/trend_sums.h"

namespace crossmill::overview {

std::vector<v1::TrendSpan> MakeSpans(absl::Time now, absl::TimeZone zone, int days, bool weekly) {
  const absl::CivilDay today = absl::ToCivilDay(now, zone);
  absl::CivilDay day = today - (days - 1);
  while (weekly && absl::GetWeekday(day) != absl::Weekday::monday) --day;
  std::vector<v1::TrendSpan> spans;
  while (day <= today) {
    const absl::CivilDay next = day + (weekly ? 7 : 1);
    v1::TrendSpan& span = spans.emplace_back();
    span.set_start(absl::ToUnixNanos(absl::FromCivil(day, zone)));
    span.set_end(absl::ToUnixNanos(absl::FromCivil(next, zone)));
    day = next;
  }
  return spans;
}

void AddHour(int64_t hour, const v1::TrendSums& sums, std::vector<v1::TrendSpan>* spans) {
  const int64_t at = hour * kHour;
  const auto behind =
      std::upper_bound(spans->begin(), spans->end(), at,
                       [](int64_t time, const v1::TrendSpan& span) { return time < span.start(); });
  if (behind == spans->begin() || at >= std::prev(behind)->end()) return;
  AddSums(sums, std::prev(behind)->mutable_sums());
}

void FinishSpans(std::vector<v1::TrendSpan>* spans) {
  for (v1::TrendSpan& span : *spans) {
    span.mutable_sums();
    span.set_wait_median(WaitQuantile(span.sums(), 0.5));
    span.set_wait_95(WaitQuantile(span.sums(), 0.95));
  }
}

}  // namespace crossmill::overview
