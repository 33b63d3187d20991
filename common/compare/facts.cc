#include "common/compare/facts.h"

#include <string_view>

#include "common/words/told_clock.h"

namespace crossmill::compare {
namespace {

void ReadTimes(std::string_view value, ExecutionFacts* facts) {
  const auto told = ParseToldClock(value);
  // A fact of 0 is none.
  if (!told || told->shown.begin == 0 || told->real.begin == 0) return;
  facts->begin = told->shown.begin;
  facts->end = told->shown.end;
  facts->real_begin = told->real.begin;
  facts->real_end = told->real.end;
}

}  // namespace

ExecutionFacts FactsOf(const v1::Witness& witness) {
  ExecutionFacts facts;
  facts.worker = witness.worker();
  facts.machine_name = witness.host_name();
  for (const v1::Circumstance& each : witness.circumstances()) {
    const std::string_view value = each.value();
    switch (each.aspect()) {
      case v1::ASPECT_CLOCK:
        ReadTimes(value, &facts);
        break;
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
      case v1::ASPECT_TIME_ZONE:
        facts.time_zone = value;
        break;
      case v1::ASPECT_LOCALE:
        facts.locale = value;
        break;
      case v1::ASPECT_ENVIRONMENT:
        facts.variable = value;
        break;
      case v1::ASPECT_SEARCH_PATH:
        facts.search_path = value;
        break;
      case v1::ASPECT_PROCESS_IDS:
        facts.process_ids = value;
        break;
      default:
        break;
    }
  }
  return facts;
}

}  // namespace crossmill::compare
