#include "coordinator/core/step_history.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/words/platform.h"

namespace crossmill::core {
namespace {

// Of the time: processors were scarce.
constexpr double kScarce = 0.3;
// Of a processor.
constexpr double kALittle = 0.03;

}  // namespace

std::string StepShape(const v1::Step& step, const v1::Platform& platform) {
  if (!step.has_run()) return {};
  v1::Run run;
  *run.mutable_argv() = step.run().argv();
  run.set_cwd(step.run().cwd());
  *run.mutable_files() = step.run().files();
  return Sha256Hex(FormatPlatform(platform) + "\n" + run.SerializeAsString());
}

double CpusOf(const PastUse& past) {
  if (past.duration_ns <= 0) return 0;
  const double used = static_cast<double>(past.cpu_ns) / static_cast<double>(past.duration_ns);
  return past.cpu_wait_share > kScarce && used > kALittle ? std::max(used, 1.0) : used;
}

ExpectedUse ExpectedUseOf(const v1::Task& task, const LookUpPast& past) {
  ExpectedUse use;
  for (const v1::Step& step : task.steps()) {
    if (!step.has_run()) continue;
    const std::string shape = StepShape(step, task.platform());
    std::optional<PastUse> earlier = past(shape, false);
    if (!earlier) earlier = past(shape, true);
    if (!earlier || earlier->duration_ns <= 0) return {};
    use.cpus = std::max(use.cpus.value_or(0), CpusOf(*earlier));
    use.memory = std::max(use.memory, static_cast<uint64_t>(std::max<int64_t>(0, earlier->peak_memory)));
  }
  return use;
}

std::optional<absl::Duration> EmulatedTimeOf(const v1::Task& task, const LookUpPast& past) {
  std::optional<absl::Duration> time;
  for (const v1::Step& step : task.steps()) {
    if (!step.has_run()) continue;
    const std::optional<PastUse> earlier = past(StepShape(step, task.platform()), true);
    if (!earlier) return std::nullopt;
    time = time.value_or(absl::ZeroDuration()) + absl::Nanoseconds(earlier->duration_ns);
  }
  return time;
}

}  // namespace crossmill::core
