#include "worker/sandbox/processors.h"

#include <algorithm>

namespace crossmill::worker {

unsigned AllowedProcessors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));
}

ProcessorLimit::ProcessorLimit(unsigned count) {
  CPU_ZERO(&before_);
  if (count == 0 || sched_getaffinity(0, sizeof(before_), &before_) != 0) return;
  if (static_cast<int>(count) >= CPU_COUNT(&before_)) return;
  cpu_set_t fewer;
  CPU_ZERO(&fewer);
  for (size_t cpu = 0; cpu < CPU_SETSIZE && count > 0; ++cpu) {
    if (!CPU_ISSET(cpu, &before_)) continue;
    CPU_SET(cpu, &fewer);
    --count;
  }
  changed_ = sched_setaffinity(0, sizeof(fewer), &fewer) == 0;
}

ProcessorLimit::~ProcessorLimit() {
  if (changed_) sched_setaffinity(0, sizeof(before_), &before_);
}

}  // namespace crossmill::worker
