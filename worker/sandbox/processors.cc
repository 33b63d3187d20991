#include "worker/sandbox/processors.h"

#include <cerrno>

namespace crossmill::worker {
namespace {

// More than any kernel is built for (CONFIG_NR_CPUS is at most 8192).
constexpr int kMostProcessors = 1 << 16;

}  // namespace

ProcessorSet::ProcessorSet(int processors)
    : set_(CPU_ALLOC(static_cast<size_t>(processors))), bytes_(CPU_ALLOC_SIZE(processors)) {
  if (set_ != nullptr) CPU_ZERO_S(bytes_, set_.get());
}

ProcessorSet ProcessorSet::Allowed() {
  // The kernel refuses a set that is smaller than its own.
  for (int processors = CPU_SETSIZE; processors <= kMostProcessors; processors *= 2) {
    ProcessorSet allowed(processors);
    if (!allowed.valid()) return allowed;
    if (sched_getaffinity(0, allowed.bytes_, allowed.set_.get()) == 0) return allowed;
    allowed.set_.reset();
    if (errno != EINVAL) return allowed;
  }
  ProcessorSet unknown(1);
  unknown.set_.reset();
  return unknown;
}

unsigned ProcessorSet::count() const {
  return valid() ? static_cast<unsigned>(CPU_COUNT_S(bytes_, set_.get())) : 0;
}

ProcessorSet ProcessorSet::First(unsigned count) const {
  ProcessorSet first(static_cast<int>(bytes_ * 8));
  if (!valid() || !first.valid()) return first;
  for (size_t cpu = 0; cpu < bytes_ * 8 && count > 0; ++cpu) {
    if (!CPU_ISSET_S(cpu, bytes_, set_.get())) continue;
    CPU_SET_S(cpu, first.bytes_, first.set_.get());
    --count;
  }
  return first;
}

bool ProcessorSet::Use() const { return valid() && sched_setaffinity(0, bytes_, set_.get()) == 0; }

unsigned AllowedProcessors() { return ProcessorSet::Allowed().count(); }

ProcessorLimit::ProcessorLimit(unsigned count) : before_(ProcessorSet::Allowed()) {
  if (count > 0 && count < before_.count()) changed_ = before_.First(count).Use();
}

ProcessorLimit::~ProcessorLimit() {
  if (changed_) before_.Use();
}

}  // namespace crossmill::worker
