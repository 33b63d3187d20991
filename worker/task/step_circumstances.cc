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
// More than a second is only needed where clocks of hosts disagree or both run at the same time.
constexpr int64_t kLongestWait = 3 * kSecond;

}  // namespace

bool StepCircumstances::IsAsked(v1::Aspect aspect) const {
  const auto& asked = variation_.aspects();
  return variation_.number() > 0 && std::find(asked.begin(), asked.end(), aspect) != asked.end();
}

void StepCircumstances::Apply(SandboxRun* run) {
  host_name_ = HostNameOf(step_.run());
  // A name that the recipe chose is its input.
  if (IsAsked(v1::ASPECT_HOST_NAME) && step_.run().hostname().empty()) {
    host_name_ = fmt::format("other-builder-{}", variation_.number());
  }
  run->host_name = host_name_;
  processors_ = AllowedProcessors();
  if (IsAsked(v1::ASPECT_PROCESSORS) && processors_ > 1) {
    processors_ -= std::min(variation_.number(), processors_ - 1);
    run->processors = processors_;
  }
}

void StepCircumstances::WaitApart(const std::stop_token& stop) const {
  if (!IsAsked(v1::ASPECT_CLOCK) || step_.expected_finished_at() <= 0) return;
  const int64_t apart = (step_.expected_finished_at() / kSecond + 1) * kSecond;
  const int64_t now = UnixNanos(clock_.Now());
  if (now >= apart || apart - now > kLongestWait) return;
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, std::chrono::nanoseconds(apart - now), [] { return false; });
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
  tell(v1::ASPECT_PROCESSORS, fmt::format("{}", processors_));
  tell(v1::ASPECT_KERNEL, host_.kernel);
  tell(v1::ASPECT_CPU_MODEL, host_.cpu_model);
}

}  // namespace crossmill::worker
