// The processors that a step may use: its programs see no others.
#pragma once

#include <sched.h>

#include <cstddef>
#include <memory>

namespace crossmill::worker {

// A set of processors of any size: machines have more than a cpu_set_t holds.
class ProcessorSet {
 public:
  // That the calling thread may use; not valid() where the kernel does not say.
  static ProcessorSet Allowed();

  bool valid() const { return set_ != nullptr; }
  // 0 if it is not valid.
  unsigned count() const;
  // The first `count` of them.
  ProcessorSet First(unsigned count) const;
  // Makes the calling thread, and processes that it starts from now on, use these only. False: the kernel
  // refused.
  bool Use() const;

 private:
  struct Free {
    void operator()(cpu_set_t* set) const { CPU_FREE(set); }
  };
  explicit ProcessorSet(int processors);

  std::unique_ptr<cpu_set_t, Free> set_;
  size_t bytes_ = 0;
};

// How many this thread may use, and so a step that it starts; 0: not known.
unsigned AllowedProcessors();

// Lets the calling thread, and the processes that it starts meanwhile, use only `count` of the processors
// (0: all that it may). Best effort: where the kernel refuses nothing changes, and AllowedProcessors says so.
class ProcessorLimit {
 public:
  explicit ProcessorLimit(unsigned count);
  ~ProcessorLimit();
  ProcessorLimit(const ProcessorLimit&) = delete;
  ProcessorLimit& operator=(const ProcessorLimit&) = delete;

 private:
  ProcessorSet before_;
  bool changed_ = false;
};

}  // namespace crossmill::worker
