#include "common/compare/facts.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/numbers.h"
#include "common/base/status.h"

namespace crossmill::compare {

ExecutionFacts FactsOf(const v1::Witness& witness) {
  ExecutionFacts facts;
  facts.worker = witness.worker();
  facts.machine_name = witness.host_name();
  for (const v1::Circumstance& each : witness.circumstances()) {
    const std::string_view value = each.value();
    switch (each.aspect()) {
      case v1::ASPECT_CLOCK: {
        const size_t blank = std::min(value.find(' '), value.size());
        int64_t begin = 0, end = 0;
        if (absl::SimpleAtoi(Av(value.substr(0, blank)), &begin) &&
            absl::SimpleAtoi(Av(value.substr(blank)), &end) && begin > 0 && end >= begin) {
          facts.begin = begin;
          facts.end = end;
        }
        break;
      }
      case v1::ASPECT_HOST_NAME:
        facts.host_name = value;
        break;
      case v1::ASPECT_PROCESSORS:
        facts.processors = value;
        break;
      case v1::ASPECT_KERNEL:
        facts.kernel = value;
        break;
      case v1::ASPECT_CPU_MODEL:
        facts.cpu_model = value;
        break;
      default:
        break;
    }
  }
  return facts;
}

}  // namespace crossmill::compare
