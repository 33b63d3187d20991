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

Forecast ForecastOf(const v1::Task& task, const LookUpPast& past) {
  ExpectedUse use;
  absl::Duration time;
  bool ran = false;
  bool use_known = true;
  bool time_known = true;
  for (const v1::Step& step : task.steps()) {
    if (!step.has_run()) continue;
    ran = true;
    const std::string shape = StepShape(step, task.platform());
    const std::optional<PastUse> emulated = past(shape, true);
    std::optional<PastUse> earlier = past(shape, false);
    if (!earlier) earlier = emulated;
    use_known = use_known && earlier && earlier->duration_ns > 0;
    time_known = time_known && emulated;
    if (emulated) time += absl::Nanoseconds(emulated->duration_ns);
    if (!earlier) continue;
    use.cpus = std::max(use.cpus.value_or(0), CpusOf(*earlier));
    use.memory = std::max(use.memory, static_cast<uint64_t>(std::max<int64_t>(0, earlier->peak_memory)));
  }
  Forecast forecast;
  if (use_known) forecast.use = use;
  if (ran && time_known) forecast.emulated_time = time;
  return forecast;
}

}  // namespace crossmill::core
