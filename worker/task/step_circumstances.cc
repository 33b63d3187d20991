#include "worker/task/step_circumstances.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "worker/sandbox/processors.h"
#include "worker/sandbox/runtime_spec.h"

namespace crossmill::worker {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// Of the times that archives of common formats store, the coarsest: zip, and file systems like it.
constexpr int64_t kCoarsestTime = 2 * kSecond;
// More than two seconds are only needed where clocks of hosts disagree or both run at the same time.
constexpr int64_t kLongestWait = 2 * kCoarsestTime;

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

void StepCircumstances::Apply(SandboxRun* run) {
  host_name_ = HostNameOf(step_.run());
  // A name that the recipe chose is its input. Ours are below the usual one: what of a step's environment
  // means the usual name (no_proxy) means these too, and stays the same.
  if (IsAsked(v1::ASPECT_HOST_NAME) && step_.run().hostname().empty()) {
    host_name_ = fmt::format("builder-{}.{}", variation_.number(), kStepHostName);
  }
  run->host_name = host_name_;
  const unsigned all = AllowedProcessors();
  if (IsAsked(v1::ASPECT_PROCESSORS) && all > 1)
    run->processors = all - std::min(variation_.number(), all - 1);
  if (IsAsked(v1::ASPECT_PROCESS_IDS)) run->process_ids = ProcessIdsOf(variation_.number());
  variables_ = VaryVariables(variation_, &run->env);
}

void StepCircumstances::Tell(v1::StepResult* result) const {
  const auto tell = [&](v1::Aspect aspect, std::string value) {
    if (value.empty()) return;
    v1::Circumstance& each = *result->add_circumstances();
    each.set_aspect(aspect);
    each.set_value(std::move(value));
    each.set_asked(IsAsked(aspect));
  };
  tell(v1::ASPECT_CLOCK, fmt::format("{} {}", started_at_, std::max(started_at_, ended_at_)));
  tell(v1::ASPECT_HOST_NAME, host_name_);
  if (processors_ > 0) tell(v1::ASPECT_PROCESSORS, fmt::format("{}", processors_));
  if (process_ids_ > 0) {
    tell(v1::ASPECT_PROCESS_IDS, fmt::format("after {}", process_ids_));
    result->mutable_circumstances()->rbegin()->set_limit("the step's first process");
  } else if (!IsAsked(v1::ASPECT_PROCESS_IDS)) {
    tell(v1::ASPECT_PROCESS_IDS, std::string(kUsualValue));
  }
  for (const VariedVariable& each : variables_) {
    tell(each.aspect, each.value);
    result->mutable_circumstances()->rbegin()->set_limit(each.limit);
  }
  tell(v1::ASPECT_KERNEL, host_.kernel);
  tell(v1::ASPECT_CPU_MODEL, host_.cpu_model);
}

}  // namespace crossmill::worker
