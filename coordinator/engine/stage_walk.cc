#include "coordinator/engine/stage_walk.h"

#include <optional>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/plan/step_key.h"
#include "coordinator/conclusion/recorded_executions.h"
#include "coordinator/core/replica_release.h"
#include "coordinator/verdict/witnesses.h"

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

// Of one step: whether the replica still has to execute it, and the witness that stands for it, if there is
// one.
struct ReplicaShare {
  const storage::Execution* own = nullptr;
  bool wanted = false;
};

// The lowest replica that still executes something makes up for those that were given up: the more hosts
// agree, the more the verdict says, whichever of them it was that failed.
ReplicaShare ShareOf(RunningBuild& build, int stage, int replica, const core::StepFact& first,
                     const std::vector<storage::Execution>& witnesses) {
  const v1::BuildOptions& options = build.submission.options();
  const auto place = [&](const auto& at) { return options.allow_same_host() ? at.worker : at.host_id; };
  std::vector<verdict::PlacedWitness> placed;
  std::vector<const storage::Execution*> rows;
  for (const storage::Execution& witness : witnesses) {
    if (options.forbid_emulation() && witness.emulated) continue;
    const bool ours = witness.build == build.id() && static_cast<int>(witness.stage) == stage;
    placed.push_back({place(witness), ours ? static_cast<int>(witness.replica) : 0});
    rows.push_back(&witness);
  }
  const std::vector<int> shares = verdict::ShareWitnesses(place(first), placed, build.state.replicas());
  const int mine = shares[replica - 1];
  ReplicaShare share{mine < 0 ? nullptr : rows[mine], mine < 0};
  for (int other = 1; other <= build.state.replicas(); ++other) {
    const core::Phase phase = build.state.replica(stage, other).phase;
    const bool given_up = phase == core::Phase::kFailed;
    if (other < replica && !given_up && phase != core::Phase::kDone) break;  // that one does
    share.wanted = share.wanted || (given_up && shares[other - 1] < 0);
  }
  return share;
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
    ASSIGN_OR_RETURN(const auto hit, cache_.Find(key, build.SinceOf(stage), build.forbids_emulation(),
                                                 build.forbids_acceleration()));
    if (!hit) return Walked{.first = index, .key = key};
    Hold(build, hit->fact.layer);
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
    if (run.exports[i]) Hold(build, run.exports[i]->blob);
    complete = complete && run.exports[i].has_value();
  }
  return complete;
}

absl::StatusOr<Walked> StageWalk::Replica(RunningBuild& build, int stage, int replica,
                                          const std::optional<core::StepUnderWay>& under_way) {
  core::ReplicaRun& run = build.state.replica(stage, replica);
  run.first = -1;
  run.last = -1;
  run.beside.reset();
  const v1::BuildOptions& options = build.submission.options();
  const v1::StagePlan& plan = build.state.plan().stages(stage);
  const bool is_over = build.state.stage(stage).phase == core::Phase::kDone;
  std::string begun_at;
  for (int i = 0; i < plan.steps_size(); ++i) {
    const auto fact = build.state.FactAt(stage, i, under_way);
    if (!fact) continue;
    if (!is_over && core::NeedsClient(plan.steps(i))) break;
    const std::string& place = options.allow_same_host() ? fact->worker : fact->host_id;
    // A task goes to a place that is none of its steps' own: what another host executed first, because this
    // one failed or was lost, is a task of its own, or two hosts could never replicate each other.
    if (run.first >= 0 && place != begun_at) break;
    ASSIGN_OR_RETURN(auto executions,
                     records_.Witnesses(fact->key, build.SinceOf(stage), build.submitted_at));
    executions = WithoutLost(std::move(executions), build.id(),
                             [this](const v1::Layer& layer) { return cache_.IsDurable(layer); });
    const std::vector<storage::Execution> witnesses =
        ThoseThatMaySpeak(std::move(executions), build.id(), *fact, plan.steps(i), options);
    const ReplicaShare share = ShareOf(build, stage, replica, *fact, witnesses);
    if (share.own != nullptr) {
      const v1::StepStatus status = !share.own->succeeded()          ? v1::STEP_STATUS_FAILED
                                    : share.own->build == build.id() ? v1::STEP_STATUS_EXECUTED
                                                                     : v1::STEP_STATUS_CACHED;
      Hold(build, share.own->layer());
      build.state.StepFinished(stage, replica, i, FactOf(*share.own), status);
    }
    // A task holds nothing that has its witness: it would have to keep away from that one's place, too.
    if (!share.wanted && run.first >= 0) break;
    if (!share.wanted) continue;
    if (run.first < 0) {
      run.first = i;
      begun_at = place;
    }
    run.last = i;
    if (fact->execution == 0) run.beside = under_way;
  }
  return Walked{.done = run.first < 0, .first = run.first};
}

}  // namespace crossmill::coordinator
