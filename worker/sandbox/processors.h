// The processors that a step may use: its programs see no others.
#pragma once

#include <sched.h>

namespace crossmill::worker {

// That this thread, and so a step that it starts, may use; at least 1.
unsigned AllowedProcessors();

// Lets the calling thread, and the processes that it starts meanwhile, use only `count` of the processors
// (0: all that it may). Best effort: where the kernel refuses nothing changes.
class ProcessorLimit {
 public:
  explicit ProcessorLimit(unsigned count);
  ~ProcessorLimit();
  ProcessorLimit(const ProcessorLimit&) = delete;
  ProcessorLimit& operator=(const ProcessorLimit&) = delete;

 private:
  cpu_set_t before_;
  bool changed_ = false;
};

}  // namespace crossmill::worker
