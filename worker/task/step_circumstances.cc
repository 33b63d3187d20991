#include "worker/task/step_circumstances.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/words/told_clock.h"
#include "worker/sandbox/processors.h"
#include "worker/sandbox/runtime_spec.h"
#include "worker/task/step_preload.h"

namespace crossmill::worker {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// Of the times that archives of common formats store, the coarsest: zip, and file systems like it.
constexpr int64_t kCoarsestTime = 2 * kSecond;
// More than two seconds are only needed where clocks of hosts disagree or both run at the same time.
constexpr int64_t kLongestWait = 2 * kCoarsestTime;

// Minute, hour, day and weekday are others for each of five replicas, and nobody is shown a time more than
// six days ahead: what has an expiry date (lists of packages: seven days) still holds. The next ones begin
// anew.
constexpr int64_t kShiftSeconds = 86'400 + 3'600 + 60 + 1;
constexpr unsigned kShifts = 5;

int64_t ShiftOf(const v1::Variation& variation) {
  return ((variation.number() - 1) % kShifts + 1) * kShiftSeconds;
}

// Others check the time of what such a step signs: it has to be the real one.
bool MaySignRequests(const SandboxRun& run) {
  const auto& mounts = run.run.mounts();
  return run.holds_secrets || std::any_of(mounts.begin(), mounts.end(), [](const v1::RunMount& mount) {
           return mount.type() == v1::RunMount::TYPE_SSH || mount.type() == v1::RunMount::TYPE_SECRET;
         });
}
// Far from the usual ones, from those of other executions, and from the lowest limit of a kernel (32768).
unsigned ProcessIdsOf(unsigned number) { return 1000 + (number - 1) % 25 * 1000; }

}  // namespace

bool Varies(const v1::Variation& variation, v1::Aspect aspect) {
  const auto& asked = variation.aspects();
  return variation.number() > 0 && std::find(asked.begin(), asked.end(), aspect) != asked.end();
}

int64_t FirstMomentApart(int64_t ended) { return (ended / kCoarsestTime + 1) * kCoarsestTime; }

void WaitApart(const v1::Step& step, const v1::Variation& variation, Clock& clock,
               const std::stop_token& stop) {
  if (!step.has_run() || !Varies(variation, v1::ASPECT_CLOCK) || step.expected_finished_at() <= 0) return;
  const int64_t apart = FirstMomentApart(step.expected_finished_at());
  const int64_t now = UnixNanos(clock.Now());
  if (now >= apart || apart - now > kLongestWait) return;
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, std::chrono::nanoseconds(apart - now), [] { return false; });
}

bool StepCircumstances::IsToDiffer(v1::Aspect aspect) const {
  if (!IsAsked(aspect)) return false;
  if (aspect == v1::ASPECT_PROCESSORS)
    return all_processors_ <= 1 || variation_.number() % all_processors_ != 0;
  return aspect != v1::ASPECT_FILE_ORDER || variation_.number() % 2 == 1;
}

void StepCircumstances::Apply(SandboxRun* run) {
  host_name_ = HostNameOf(step_.run());
  // A name that the recipe chose is its input. Ours are below the usual one: what of a step's environment
  // means the usual name (no_proxy) means these too, and stays the same.
  if (IsAsked(v1::ASPECT_HOST_NAME) && step_.run().hostname().empty()) {
    host_name_ = fmt::format("builder-{}.{}", variation_.number(), kStepHostName);
  }
  run->host_name = host_name_;
  all_processors_ = AllowedProcessors();
  // Each number in turn, and below every other order, so that not all replicas have one in common that the
  // first execution has not: who is alone could not be told from who differs.
  if (IsAsked(v1::ASPECT_PROCESSORS) && all_processors_ > 1)
    run->processors = all_processors_ - variation_.number() % all_processors_;
  if (IsAsked(v1::ASPECT_PROCESS_IDS)) run->process_ids = ProcessIdsOf(variation_.number());
  variables_ = VaryVariables(variation_, &run->env);
  ApplyPreload(run);
}

void StepCircumstances::ApplyPreload(SandboxRun* run) {
  PreloadSettings settings;
  settings.reverse_folders = IsToDiffer(v1::ASPECT_FILE_ORDER);
  if (IsAsked(v1::ASPECT_CLOCK) && !MaySignRequests(*run)) settings.clock_shift = ShiftOf(variation_);
  if (settings.clock_shift == 0 && !settings.reverse_folders) return;
  if (!AddPreload(settings, run)) return;
  shift_ = settings.clock_shift * kSecond;
  reversed_ = settings.reverse_folders;
}

void StepCircumstances::Emulated(std::string_view processor) {
  constexpr std::string_view kChosen = "QEMU_CPU=";
  emulated_ = processor.empty() ? "the emulator's own" : processor;
  // The recipe's own, none that has a secret.
  for (const std::string& each : step_.run().env()) {
    if (each.starts_with(kChosen)) emulated_ = each.substr(kChosen.size());
  }
}

void StepCircumstances::Tell(v1::StepResult* result) const {
  const auto tell = [&](v1::Aspect aspect, std::string_view value, std::string_view limit = {}) {
    if (value.empty()) return;
    v1::Circumstance& each = *result->add_circumstances();
    each.set_aspect(aspect);
    each.set_value(std::string(value));
    each.set_asked(IsToDiffer(aspect));
    each.set_limit(std::string(limit));
  };
  const ClockInterval real{started_at_, std::max(started_at_, ended_at_)};
  tell(v1::ASPECT_CLOCK, FormatToldClock(real, shift_), shift_ != 0 ? kPreloadLimit : "");
  tell(v1::ASPECT_HOST_NAME, host_name_);
  if (processors_ > 0) tell(v1::ASPECT_PROCESSORS, fmt::format("{}", processors_));
  tell(v1::ASPECT_FILE_ORDER, reversed_ ? "reversed" : kUsualValue, reversed_ ? kPreloadLimit : "");
  if (process_ids_ > 0) {
    tell(v1::ASPECT_PROCESS_IDS, fmt::format("after {}", process_ids_), "the step's first process");
  } else if (!IsAsked(v1::ASPECT_PROCESS_IDS)) {
    tell(v1::ASPECT_PROCESS_IDS, kUsualValue);
  }
  for (const VariedVariable& each : variables_) tell(each.aspect, each.value, each.limit);
  tell(v1::ASPECT_KERNEL, host_.kernel);
  tell(v1::ASPECT_CPU_MODEL, host_.cpu_model);
  tell(v1::ASPECT_EMULATED_PROCESSOR, emulated_);
}

}  // namespace crossmill::worker
