#include "coordinator/core/step_history.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/words/platform.h"

namespace crossmill::core {

std::string StepShape(const v1::Step& step, const v1::Platform& platform) {
  if (!step.has_run()) return {};
  v1::Run run;
  *run.mutable_argv() = step.run().argv();
  run.set_cwd(step.run().cwd());
  *run.mutable_files() = step.run().files();
  return Sha256Hex(FormatPlatform(platform) + "\n" + run.SerializeAsString());
}

ExpectedUse ExpectedUseOf(const v1::Task& task,
                          const std::function<std::optional<PastUse>(const std::string&)>& past) {
  ExpectedUse use;
  for (const v1::Step& step : task.steps()) {
    if (!step.has_run()) continue;
    const std::optional<PastUse> earlier = past(StepShape(step, task.platform()));
    if (!earlier || earlier->duration_ns <= 0) return {};
    const double cpus = static_cast<double>(earlier->cpu_ns) / static_cast<double>(earlier->duration_ns);
    use.cpus = std::max(use.cpus.value_or(0), cpus);
    use.memory = std::max(use.memory, static_cast<uint64_t>(std::max<int64_t>(0, earlier->peak_memory)));
  }
  return use;
}

}  // namespace crossmill::core
