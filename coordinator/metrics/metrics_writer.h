// Writes families of metrics in either of Prometheus' text forms.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/metrics/metrics_form.h"

namespace crossmill::coordinator {

// A family is begun and then given its samples, before the next one is begun. OpenMetrics names a counter's
// family without the "_total" that its samples have, and has a type of its own for what only has labels.
// Not thread safe.
class MetricsWriter {
 public:
  // Names with values; a value may be any UTF-8.
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit MetricsWriter(MetricsForm form) : form_(form) {}

  // "NAME_info", which is always 1.
  void Info(std::string_view name, std::string_view help, Labels labels);
  // `name` is without "_total".
  void BeginCounter(std::string_view name, std::string_view help);
  void BeginGauge(std::string_view name, std::string_view help);
  void BeginHistogram(std::string_view name, std::string_view help);

  // Of the family that was begun last.
  void Sample(int64_t value, Labels labels = {});
  // With `digits` behind the point, always.
  void SampleReal(double value, int digits, Labels labels = {});

  // +Inf.
  void SampleUnlimited();
  // Of a histogram: `counts` of the ranges that end at `ends`, which rise, and of what is over the last one.
  void SampleRanges(const std::vector<double>& ends, const std::vector<int64_t>& counts, double sum);

  // The whole text. Nothing may be written afterwards.
  std::string Take();

 private:
  void Head(std::string_view name, std::string_view type, std::string_view help);
  void Line(std::string_view name, Labels labels, std::string_view value);

  const MetricsForm form_;
  std::string sample_;
  std::string text_;
};

}  // namespace crossmill::coordinator
