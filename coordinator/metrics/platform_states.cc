#include "coordinator/metrics/platform_states.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/words/platform.h"

namespace crossmill::coordinator {
namespace {

void AddWorker(const core::WorkerStatus& worker, v1::PlatformWorkers* to) {
  to->set_connected(to->connected() + 1);
  if (worker.draining) to->set_draining(to->draining() + 1);
  if (worker.unfit) to->set_unfit(to->unfit() + 1);
  if (!worker.draining && !worker.unfit) to->set_slots(to->slots() + worker.info.slots());
}

}  // namespace

std::vector<v1::PlatformState> PlatformStatesOf(const core::SchedulerStatus& status, PlatformWords& words,
                                                absl::Time now) {
  std::map<std::string, v1::PlatformState> states;
  for (const auto& [platform, tasks] : status.platforms) {
    v1::PlatformState& state = states[words.Of(platform)];
    state.set_tasks_queued(state.tasks_queued() + tasks.queued);
    state.set_tasks_running(state.tasks_running() + tasks.running);
    if (tasks.queued == 0) continue;
    const double waited = std::max(0.0, absl::ToDoubleSeconds(now - tasks.oldest));
    state.set_longest_wait_seconds(std::max(state.longest_wait_seconds(), waited));
  }
  for (const core::WorkerStatus& worker : status.workers) {
    if (!worker.connected) continue;
    for (const v1::PlatformSupport& support : worker.info.platforms()) {
      v1::PlatformState& state = states[words.Of(FormatPlatform(support.platform()))];
      AddWorker(worker, support.emulated() ? state.mutable_emulated() : state.mutable_native());
    }
  }
  states[std::string(PlatformWords::kAny)];
  for (const std::string& name : words.All()) states[name];
  std::vector<v1::PlatformState> sorted;
  for (auto& [name, state] : states) {
    state.set_platform(name);
    // So that whoever reads it finds all its numbers.
    state.mutable_native();
    state.mutable_emulated();
    sorted.push_back(std::move(state));
  }
  return sorted;
}

}  // namespace crossmill::coordinator
