#include "worker/bounds/enforcement.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/status.h"
#include "common/words/step_bounds.h"

namespace crossmill::worker {
namespace {

struct Means {
  const char* means;
  std::string reason;
};

bool Has(const StepGroups& groups, bool StepGroupBase::*kind) {
  return std::any_of(groups.bases().begin(), groups.bases().end(),
                     [&](const StepGroupBase& base) { return base.*kind; });
}

// A version 2 that was given memory and processes may lack the processors.
bool HasProcessors(const StepGroups& groups) {
  return std::any_of(groups.bases().begin(), groups.bases().end(), [](const StepGroupBase& base) {
    if (!base.processors) return false;
    const UniqueFd controllers(openat(base.folder.get(), "cgroup.subtree_control", O_RDONLY | O_CLOEXEC));
    if (!controllers.valid()) return !base.version_2;
    const auto text = ReadAll(controllers.get());
    return text.ok() &&
           fmt::format(" {} ", text->substr(0, text->find('\n'))).find(" cpu ") != std::string::npos;
  });
}

Means MeansOf(v1::StepBound bound, const StepGroups& groups) {
  switch (bound) {
    case v1::STEP_BOUND_MEMORY:
      if (Has(groups, &StepGroupBase::memory)) return {"control group", ""};
      return {"watchdog", groups.said()};
    case v1::STEP_BOUND_PROCESSES:
      if (Has(groups, &StepGroupBase::processes)) return {"control group", ""};
      return {"watchdog", groups.said()};
    case v1::STEP_BOUND_CPU:
      if (HasProcessors(groups)) return {"control group", ""};
      return {"affinity", "no control group for processors: whole ones only"};
    case v1::STEP_BOUND_DISK:
      return {"watchdog", "the step's root only, not its cache mounts"};
    case v1::STEP_BOUND_OPEN_FILES:
      return {"rlimit", "of each process"};
    default:
      return {"worker", ""};
  }
}

}  // namespace

v1::StepBounds MostOfOneStep(v1::StepBounds wanted, const StepGroups& groups) {
  const auto share = [](uint64_t all) { return all - all / 16; };
  if (wanted.memory() == 0) wanted.set_memory(share(groups.wanted_memory()));
  if (wanted.processes() == 0) {
    wanted.set_processes(
        static_cast<uint32_t>(std::min<uint64_t>(share(groups.wanted_processes()), UINT32_MAX)));
  }
  return wanted;
}

std::string TellEnforcement(const StepGroups& groups, const v1::StepBounds& most, v1::WorkerInfo* info) {
  std::string line;
  for (const v1::StepBound bound : AllStepBounds()) {
    const Means means = MeansOf(bound, groups);
    v1::BoundEnforcement& told = *info->add_bounds();
    told.set_bound(bound);
    told.set_means(means.means);
    told.set_reason(means.reason);
    told.set_most(ValueOf(most, bound));
    line += fmt::format("{}{} by {}", line.empty() ? "" : ", ", StepBoundName(bound), means.means);
    if (told.most() > 0) line += fmt::format(" ({} at most)", FormatStepBound(bound, told.most()));
  }
  return line;
}

}  // namespace crossmill::worker
