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
  absl::Duration native_time;
  absl::Duration emulated_time;
  absl::Duration seen_time;
  int ran = 0;
  int seen = 0;
  bool use_known = true;
  bool native_known = true;
  bool emulated_known = true;
  for (const v1::Step& step : task.steps()) {
    if (!step.has_run()) continue;
    ++ran;
    const std::string shape = StepShape(step, task.platform());
    const std::optional<PastUse> emulated = past(shape, true);
    const std::optional<PastUse> native = past(shape, false);
    const std::optional<PastUse>& earlier = native ? native : emulated;
    use_known = use_known && earlier && earlier->duration_ns > 0;
    native_known = native_known && native;
    emulated_known = emulated_known && emulated;
    if (native) native_time += absl::Nanoseconds(native->duration_ns);
    if (emulated) emulated_time += absl::Nanoseconds(emulated->duration_ns);
    if (!earlier) continue;
    ++seen;
    seen_time += absl::Nanoseconds(earlier->duration_ns);
    use.cpus = std::max(use.cpus.value_or(0), CpusOf(*earlier));
    use.memory = std::max(use.memory, static_cast<uint64_t>(std::max<int64_t>(0, earlier->peak_memory)));
  }
  Forecast forecast;
  if (use_known) forecast.use = use;
  if (ran > 0 && native_known) forecast.time.native = native_time;
  if (ran > 0 && emulated_known) forecast.time.emulated = emulated_time;
  forecast.guess = seen_time + (ran - seen) * (seen > 0 ? seen_time / seen : kUnseenStep);
  return forecast;
}

}  // namespace crossmill::core
