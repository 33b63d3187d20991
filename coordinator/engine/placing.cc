#include "coordinator/engine/placing.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/plan/step_key.h"
#include "common/words/platform.h"
#include "common/words/words.h"
#include "coordinator/conclusion/recorded_executions.h"
#include "coordinator/core/critical_path.h"
#include "coordinator/core/placement/realm.h"
#include "coordinator/core/standing/author.h"
#include "coordinator/engine/step_cache.h"

namespace crossmill::coordinator {
namespace {

// What counts as another place in this build.
core::Spread SpreadOfBuild(const RunningBuild& build) {
  return build.submission.options().allow_same_host() ? core::Spread::kWorkers : core::Spread::kHosts;
}

std::string FirstKey(const v1::Task& task) {
  std::vector<Digest> parents;
  for (const v1::Layer& layer : task.parents()) parents.push_back(FromProto(layer.tar()));
  return plan::StepKey(task, parents, task.steps(0));
}

}  // namespace

core::Requirements Placing::NeedsOf(const RunningBuild& build, int stage, bool neutral) const {
  const v1::StagePlan& plan = build.state.plan().stages(stage);
  const v1::BuildOptions& options = build.submission.options();
  const std::string platform = FormatPlatform(plan.platform());
  const auto usual = usual_pools_.find(platform);
  core::Requirements requirements;
  requirements.platform = plan.platform();
  requirements.neutral = neutral;
  requirements.forbid_emulation = build.forbids_emulation();
  requirements.project = core::ProjectOf(build.submission);
  requirements.priority = options.priority();
  // Wheels are compiled for a build that was there before.
  const int64_t ahead_of = build.submission.wheels().ahead_of();
  requirements.build = ahead_of != 0 ? ahead_of : build.id();
  requirements.realm = core::RealmOf(options, usual == usual_pools_.end() ? "" : usual->second);
  requirements.description = fmt::format("{} on {}", StagePhrase(plan.name()), platform);
  return requirements;
}

core::Places Placing::FailuresOf(const RunningBuild& build, int stage, const std::string& key) {
  core::Places places;
  if (build.state.replicas() == 0 || key.empty()) return places;
  const auto witnesses = records_.Witnesses(key, build.SinceOf(stage), build.submitted_at);
  if (!witnesses.ok()) return places;
  for (const storage::Execution& witness : *witnesses) {
    if (witness.succeeded()) continue;
    places.workers.insert(witness.worker);
    places.hosts.insert(witness.host_id);
  }
  return places;
}

core::Places Placing::WitnessesOf(RunningBuild& build, const core::StageRunId& run) {
  core::Places places;
  const v1::BuildOptions& options = build.submission.options();
  const core::ReplicaRun& replica = build.state.replica(run.stage, run.replica);
  for (int i = replica.first; i <= replica.last; ++i) {
    const auto fact = build.state.FactAt(run.stage, i, replica.beside);
    if (!fact) continue;
    places.workers.insert(fact->worker);
    places.hosts.insert(fact->host_id);
    auto witnesses = records_.Witnesses(fact->key, build.SinceOf(run.stage), build.submitted_at);
    if (!witnesses.ok()) continue;
    const v1::Step& step = build.state.plan().stages(run.stage).steps(i);
    *witnesses = WithoutLost(*std::move(witnesses), build.id(),
                             [this](const v1::Layer& layer) { return cache_.IsDurable(layer); });
    for (const storage::Execution& witness :
         ThoseThatMaySpeak(*std::move(witnesses), build.id(), *fact, step, options)) {
      places.workers.insert(witness.worker);
      places.hosts.insert(witness.host_id);
    }
  }
  return places;
}

core::Spread Placing::SpreadOf(const RunningBuild& build, const core::Places& avoid) const {
  return avoid.hosts.empty() ? core::Spread::kNone : SpreadOfBuild(build);
}

core::Forecast Placing::ForecastOf(const v1::Task& task) {
  return core::ForecastOf(task, [&](const std::string& shape, bool emulated) {
    const auto use = records_.PastUse(shape, emulated);
    return use.ok() ? *use : std::nullopt;
  });
}

absl::Duration Placing::Behind(RunningBuild& build, int stage) {
  if (build.behind.empty()) {
    std::vector<absl::Duration> durations;
    std::vector<std::set<int>> needs;
    for (int i = 0; i < build.state.stage_count(); ++i) {
      v1::Task whole;
      *whole.mutable_platform() = build.state.plan().stages(i).platform();
      *whole.mutable_steps() = build.state.plan().stages(i).steps();
      durations.push_back(ForecastOf(whole).guess);
      needs.push_back(build.state.stage(i).needs);
    }
    build.behind = core::PathsBehind(durations, needs, build.state.replicas() > 0);
  }
  return build.behind[stage];
}

core::Requirements Placing::RequirementsOf(RunningBuild& build, const core::StageRunId& run,
                                           const v1::Task& task, int64_t now) {
  const bool neutral = std::none_of(task.steps().begin(), task.steps().end(),
                                    [](const v1::Step& step) { return step.has_run(); });
  core::Requirements requirements = NeedsOf(build, run.stage, neutral);
  core::Forecast forecast = ForecastOf(task);
  requirements.use = forecast.use;
  requirements.time = forecast.time;
  requirements.path = absl::Nanoseconds(now - build.submitted_at) + forecast.guess;
  std::vector<core::LayerSize> layers;
  for (const v1::Layer& layer : task.parents()) layers.push_back(core::SizeOf(layer));
  requirements.layers = core::LayerPlaces::Worthwhile(std::move(layers));
  if (run.replica == 0) {
    requirements.path += Behind(build, run.stage);
    if (build.state.replicas() > 0 && task.steps_size() > 0) {
      requirements.avoid = FailuresOf(build, run.stage, FirstKey(task));
    }
    requirements.spread = SpreadOf(build, requirements.avoid);
    return requirements;
  }
  requirements.spread = SpreadOfBuild(build);
  requirements.spare = build.state.stage(run.stage).phase != core::Phase::kDone;
  uint64_t& group = build.groups[run.stage];
  if (group == 0) group = next_group_++;
  requirements.group = group;
  requirements.avoid = WitnessesOf(build, run);
  return requirements;
}

void Placing::KeepAway(RunningBuild& build, const core::StageRunId& run, const core::Scheduler& scheduler,
                       core::Requirements* requirements) const {
  const std::set<std::string>& failed = build.state.FailuresOf(run.stage, run.replica).workers;
  if (failed.empty()) return;
  core::Requirements elsewhere = *requirements;
  elsewhere.avoid.workers.insert(failed.begin(), failed.end());
  if (elsewhere.spread == core::Spread::kNone) elsewhere.spread = core::Spread::kWorkers;
  if (elsewhere.spread == core::Spread::kHosts) {
    for (const std::string& worker : failed) elsewhere.avoid.hosts.insert(scheduler.InfoOf(worker).host_id());
  }
  if (scheduler.CanRun(elsewhere)) *requirements = std::move(elsewhere);
}

bool Placing::CanTryElsewhere(const RunningBuild& build, const core::StageRunId& run, int index,
                              const std::string& key, const core::Scheduler& scheduler) {
  if (run.replica > 0 || build.state.replicas() == 0 ||
      !build.state.plan().stages(run.stage).steps(index).has_run()) {
    return false;
  }
  core::Requirements requirements = NeedsOf(build, run.stage, false);
  requirements.avoid = FailuresOf(build, run.stage, key);
  requirements.spread = SpreadOf(build, requirements.avoid);
  const size_t tried = requirements.spread == core::Spread::kWorkers ? requirements.avoid.workers.size()
                                                                     : requirements.avoid.hosts.size();
  return tried <= static_cast<size_t>(build.state.replicas()) && scheduler.CanRun(requirements);
}

}  // namespace crossmill::coordinator
