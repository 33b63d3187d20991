// Runs of a build that it does not want any more.
#pragma once

#include "coordinator/core/attempt_board.h"
#include "coordinator/engine/running_build.h"

namespace crossmill::coordinator {

// They leave the board and are cancelled. Only in the loop.
inline void LeaveUnwanted(RunningBuild& build, core::AttemptBoard& board) {
  for (int stage = 0; stage < build.state.stage_count(); ++stage) {
    if (build.state.Wanted(stage)) continue;
    for (int replica = 1; replica <= build.state.replicas(); ++replica) {
      board.Leave({build.id(), stage, replica});
      core::Phase& phase = build.state.replica(stage, replica).phase;
      if (!IsOver(phase)) phase = core::Phase::kCancelled;
    }
    board.Leave({build.id(), stage, 0});
    if (!IsOver(build.state.stage(stage).phase)) build.state.StageCancelled(stage);
  }
}

}  // namespace crossmill::coordinator
