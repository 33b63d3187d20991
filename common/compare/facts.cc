#include "common/compare/facts.h"

#include <array>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::compare {
namespace {

// "BEGIN END", and of a clock that was shifted "BEGIN END REAL-BEGIN REAL-END".
void ReadTimes(std::string_view value, ExecutionFacts* facts) {
  std::array<int64_t, 4> times = {};
  size_t count = 0;
  for (const absl::string_view word : absl::StrSplit(Av(value), ' ')) {
    if (count == times.size() || !absl::SimpleAtoi(word, &times[count++])) return;
  }
  if (count == 2) {
    times[2] = times[0];
    times[3] = times[1];
  } else if (count != times.size()) {
    return;
  }
  if (times[0] <= 0 || times[1] < times[0] || times[2] <= 0 || times[3] < times[2]) return;
  facts->begin = times[0];
  facts->end = times[1];
  facts->real_begin = times[2];
  facts->real_end = times[3];
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
      default:
        break;
    }
  }
  return facts;
}

}  // namespace crossmill::compare
