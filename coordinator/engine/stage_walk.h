// The walk of a stage over the step cache: key, hit, next key, until the first miss. What is a hit is taken
// into the build's state; what is missing the engine has executed.
//
// One walk serves five situations, so that none has rules of its own: a new build; a build whose step was
// executed for another one that it had joined; a stage whose worker was lost; a stage whose own step has just
// been recorded; and the replay after a restart, where events give the view but the facts (layers, keys,
// exports) are walked again. What makes that right: a fact comes only from an execution that is recorded and
// whose layer is durable, a key is a function of facts and plan, and a plan is recorded before anything is
// executed for it. So walking once more never gives another state, and what was told already is not told
// again (BuildState::StepFinished). A hit can be lost between two walks, when a blob is: then the step is
// executed again, like any miss.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/core/build_state.h"
#include "coordinator/engine/running_build.h"
#include "coordinator/engine/step_cache.h"
#include "coordinator/room/held_blobs.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

// Where a walk ended.
struct Walked {
  // Nothing is missing.
  bool done = false;
  // Else the index into StagePlan.steps of the first step without a result; the number of steps where only
  // exports are missing.
  int first = 0;
  // Key of that step; empty for exports and replicas, which nobody joins.
  std::string key = {};
};

// Not thread safe: only used in the transaction loop.
class StageWalk {
 public:
  // `held`: what a walk found stays there until the build ends. Null: nothing is ever removed.
  StageWalk(StepCache& cache, storage::RecordStore& records, HeldBlobs* held = nullptr)
      : cache_(cache), records_(records), held_(held) {}

  // The first execution of the stage. `joined`: it waited for another build's step, so that a hit is shared.
  absl::StatusOr<Walked> First(RunningBuild& build, int stage, bool joined);
  // The replica: which of the steps that the first execution has finished, or is at (`under_way`), have no
  // witness of its own yet. Sets its range.
  absl::StatusOr<Walked> Replica(RunningBuild& build, int stage, int replica,
                                 const std::optional<core::StepUnderWay>& under_way);

 private:
  absl::StatusOr<bool> HasExports(RunningBuild& build, int stage);
  void Hold(const RunningBuild& build, const Digest& blob) {
    if (held_ != nullptr) held_->Hold(build.id(), blob);
  }
  void Hold(const RunningBuild& build, const v1::Layer& layer) {
    Hold(build, FromProto(layer.tar()));
    Hold(build, FromProto(layer.manifest()));
  }

  StepCache& cache_;
  storage::RecordStore& records_;
  HeldBlobs* const held_;
};

}  // namespace crossmill::coordinator
