// The farm's numbers as Prometheus reads them.
#pragma once

#include <string>
#include <string_view>

#include "coordinator/metrics/metrics_form.h"
#include "coordinator/metrics/process_numbers.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/farm_numbers.pb.h"

namespace crossmill::coordinator {

struct MetricsSources {
  const v1::FarmStatus& status;
  const v1::FarmNumbers& numbers;
  // Of the coordinator; null: they cannot be read, and the families are left out.
  const ProcessNumbers* process = nullptr;
  std::string_view version;
};

// Counters are since the coordinator started. Pure.
std::string MetricsText(const MetricsSources& sources, MetricsForm form);

}  // namespace crossmill::coordinator
