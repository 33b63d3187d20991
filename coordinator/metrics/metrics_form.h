// In which of Prometheus' two text forms numbers are told, and how that is agreed on by HTTP.
#pragma once

#include <string_view>

namespace crossmill::coordinator {

// Text exposition format 0.0.4, or OpenMetrics 1.0.
enum class MetricsForm { kText, kOpenMetrics };

// What an Accept field prefers; the text format where it says nothing of either.
MetricsForm PreferredForm(std::string_view accept);
// The Content-Type of a form.
std::string_view MetricsType(MetricsForm form);

}  // namespace crossmill::coordinator
