// The farm's numbers as Prometheus reads them.
#pragma once

#include <string>
#include <string_view>

#include "crossmill/v1/client_service.pb.h"

namespace crossmill::coordinator::door {

// Text exposition format 0.0.4, or OpenMetrics 1.0.
enum class MetricsForm { kText, kOpenMetrics };

// What an Accept field prefers; the text format where it says nothing of either.
MetricsForm PreferredForm(std::string_view accept);
std::string_view MetricsType(MetricsForm form);

// Counters are since the coordinator started.
std::string MetricsText(const v1::FarmStatus& status, std::string_view version, MetricsForm form);

}  // namespace crossmill::coordinator::door
