#include "coordinator/engine/leases/lost_layers.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/plan/step_sources.h"

namespace crossmill::coordinator {
namespace {

bool Lacks(const std::vector<Digest>& needed, BlobStore& blobs) {
  const auto missing = blobs.FindMissing(needed);
  return missing.ok() && !missing->empty();
}

std::vector<Digest> MadeBy(const core::StageRun& run) {
  std::vector<Digest> made;
  for (const auto& fact : run.facts) {
    if (!fact) continue;
    made.push_back(FromProto(fact->layer.tar()));
    made.push_back(FromProto(fact->layer.manifest()));
  }
  for (const auto& each : run.exports) {
    if (each) made.push_back(each->blob);
  }
  return made;
}

}  // namespace

bool LacksInputs(const v1::Task& task, BlobStore& blobs) {
  std::vector<Digest> needed;
  for (const v1::Layer& layer : task.parents()) needed.push_back(FromProto(layer.tar()));
  for (const v1::Step& step : task.steps()) {
    for (const v1::CopySource* source : plan::SourcesOf(step)) {
      if (source->has_export_() && source->export_().has_blob())
        needed.push_back(FromProto(source->export_().blob()));
    }
  }
  return Lacks(needed, blobs);
}

std::set<int> StagesOfLost(core::BuildState& state, BlobStore& blobs) {
  std::set<int> found;
  for (int stage = 0; stage < state.stage_count(); ++stage) {
    if (Lacks(MadeBy(state.stage(stage)), blobs)) found.insert(stage);
  }
  for (size_t known = 0; known != found.size();) {
    known = found.size();
    for (int stage = 0; stage < state.stage_count(); ++stage) {
      const std::set<int>& needs = state.stage(stage).needs;
      if (std::any_of(needs.begin(), needs.end(), [&](int need) { return found.contains(need); }))
        found.insert(stage);
    }
  }
  return found;
}

std::vector<core::StageRunId> WalkAgain(core::BuildState& state, const std::set<int>& stages,
                                        core::AttemptBoard& board,
                                        const std::function<void(core::Attempt&)>& close) {
  std::vector<core::StageRunId> waiters;
  for (const int stage : stages) {
    for (int replica = 0; replica <= state.replicas(); ++replica) {
      const core::StageRunId run{state.id(), stage, replica};
      const core::Attempt* attempt = board.FindOf(run);
      if (attempt == nullptr) continue;
      if (attempt->owner != run) {
        board.Leave(run);
        continue;
      }
      core::Attempt ended = board.End(attempt->id);
      close(ended);
      if (!ended.complete()) state.StepInterrupted(stage, replica, ended.step_index());
      waiters.insert(waiters.end(), ended.waiters.begin(), ended.waiters.end());
    }
    state.WalkAgain(stage);
  }
  return waiters;
}

}  // namespace crossmill::coordinator
