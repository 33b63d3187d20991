#include "coordinator/core/critical_path.h"

#include <algorithm>

namespace crossmill::core {

std::vector<absl::Duration> PathsBehind(absl::Span<const absl::Duration> durations,
                                        absl::Span<const std::set<int>> needs, bool verified) {
  const size_t count = durations.size();
  std::vector<absl::Duration> behind(count);
  if (verified) behind.assign(durations.begin(), durations.end());
  // From the stages that nobody waits for towards those that wait for nobody.
  std::vector<int> waiters(count);
  for (const std::set<int>& each : needs) {
    for (const int need : each) ++waiters[need];
  }
  std::vector<int> ready;
  for (size_t i = 0; i < count; ++i) {
    if (waiters[i] == 0) ready.push_back(static_cast<int>(i));
  }
  while (!ready.empty()) {
    const int stage = ready.back();
    ready.pop_back();
    for (const int need : needs[stage]) {
      behind[need] = std::max(behind[need], durations[stage] + behind[stage]);
      if (--waiters[need] == 0) ready.push_back(need);
    }
  }
  return behind;
}

}  // namespace crossmill::core
