#include "coordinator/engine/stage_walk.h"

#include <optional>
#include <set>
#include <vector>

#include "common/base/status.h"
#include "common/plan/step_key.h"

namespace crossmill::coordinator {
namespace {

std::optional<int64_t> EpochOf(const v1::BuildPlan& plan) {
  if (plan.keep_times()) return std::nullopt;
  return plan.epoch();
}

v1::StepStatus StatusOf(const StepCache::Hit& hit, int64_t build, bool joined) {
  if (hit.build == build) return v1::STEP_STATUS_EXECUTED;
  return joined ? v1::STEP_STATUS_SHARED : v1::STEP_STATUS_CACHED;
}

// The witness that stands for the replica: the first execution's own host counts as the first, so the r-th
// replica is the (r+1)-th distinct host, in the order they finished. Null: there is none yet.
const storage::Execution* WitnessOf(const std::vector<storage::Execution>& witnesses,
                                    const core::StepFact& first, int replica,
                                    const v1::BuildOptions& options) {
  const bool by_worker = options.allow_same_host();
  std::set<std::string> seen = {by_worker ? first.worker : first.host_id};
  for (const storage::Execution& witness : witnesses) {
    if (options.forbid_emulation() && witness.emulated) continue;
    if (seen.insert(by_worker ? witness.worker : witness.host_id).second &&
        static_cast<int>(seen.size()) == replica + 1) {
      return &witness;
    }
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<Walked> StageWalk::First(RunningBuild& build, int stage, bool joined) {
  core::StageRun& run = build.state.stage(stage);
  const v1::StagePlan& plan = build.state.plan().stages(stage);
  while (run.next < plan.steps_size()) {
    if (!core::HasAction(plan.steps(run.next))) {
      ++run.next;
      continue;
    }
    const int index = run.next;
    const std::string key = plan::StepKey(plan.platform(), core::DiffIds(run.chain),
                                          build.state.ResolveStep(stage, index), EpochOf(build.state.plan()));
    ASSIGN_OR_RETURN(const auto hit, cache_.Find(key, build.SinceOf(stage), build.forbids_emulation()));
    if (!hit) return Walked{.first = index, .key = key};
    build.state.StepFinished(stage, 0, index, hit->fact, StatusOf(*hit, build.id(), joined));
  }
  ASSIGN_OR_RETURN(const bool exports, HasExports(build, stage));
  return Walked{.done = exports, .first = plan.steps_size()};
}

absl::StatusOr<bool> StageWalk::HasExports(RunningBuild& build, int stage) {
  core::StageRun& run = build.state.stage(stage);
  const v1::StagePlan& plan = build.state.plan().stages(stage);
  bool complete = true;
  for (int i = 0; i < plan.exports_size(); ++i) {
    ASSIGN_OR_RETURN(run.exports[i],
                     cache_.FindExport(plan::ExportKey(core::DiffIds(run.chain), plan.exports(i))));
    complete = complete && run.exports[i].has_value();
  }
  return complete;
}

absl::StatusOr<Walked> StageWalk::Replica(RunningBuild& build, int stage, int replica) {
  core::ReplicaRun& run = build.state.replica(stage, replica);
  const core::StageRun& first = build.state.stage(stage);
  run.first = -1;
  run.last = -1;
  const bool by_worker = build.submission.options().allow_same_host();
  const auto place = [&](int i) { return by_worker ? first.facts[i]->worker : first.facts[i]->host_id; };
  for (int i = 0; i < static_cast<int>(first.facts.size()); ++i) {
    if (!first.facts[i]) continue;
    // A task goes to a place that is none of its steps' own: what another host executed first, because this
    // one failed or was lost, is a task of its own, or two hosts could never replicate each other.
    if (run.first >= 0 && place(i) != place(run.first)) break;
    ASSIGN_OR_RETURN(const auto witnesses,
                     records_.Witnesses(first.facts[i]->key, build.SinceOf(stage), build.submitted_at));
    const storage::Execution* mine =
        WitnessOf(witnesses, *first.facts[i], replica, build.submission.options());
    if (mine != nullptr) {
      const v1::StepStatus status = !mine->succeeded()          ? v1::STEP_STATUS_FAILED
                                    : mine->build == build.id() ? v1::STEP_STATUS_EXECUTED
                                                                : v1::STEP_STATUS_CACHED;
      build.state.StepFinished(stage, replica, i, FactOf(*mine), status);
      continue;
    }
    if (run.first < 0) run.first = i;
    run.last = i;
  }
  return Walked{.done = run.first < 0, .first = run.first};
}

}  // namespace crossmill::coordinator
