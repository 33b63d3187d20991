// The farm's numbers as Prometheus reads them.
#pragma once

#include <string>

#include "crossmill/v1/client_service.pb.h"

namespace crossmill::coordinator::door {

// Text exposition format 0.0.4. Counters are since the coordinator started.
std::string MetricsText(const v1::FarmStatus& status, std::string_view version);

}  // namespace crossmill::coordinator::door
