// When replicas of a stage may execute which of its steps. Pure.
//
// A replica executes each step on the first execution's layers, so a step can be repeated as soon as the
// layers of all steps before it are known. A replica's task is therefore small: the steps that the first has
// ended by now, and where nothing forbids it ("the clock") the one that it is at, "beside" it. When the task
// has ended, or the first has gone on while it is queued, the replica is looked at again. So each step is
// repeated while the first execution is at the next ones, and nothing is told to a worker in the middle of a
// task.
//
//   never in the way   Until the first execution of the stage is done its replicas are spare tasks
//                      (scheduler.h): they get what no first execution of any build waits for, are put off
//                      again when one does, and fail for no lack of hosts. Afterwards they are tasks like
//                      others.
//   judged alone       The parents are the first's layers, whatever the replica made itself.
//   another place      A replica avoids where the first is now, and where its steps were executed. If the
//                      first is lost and goes where a replica was, that replica's execution is no witness
//                      any more (verdict/witnesses.h), and the step is repeated elsewhere.
//   the clock          Where it is to differ a RUN waits for the end of the first's, and for another step of
//                      two seconds (v1.Step.expected_finished_at). A shifted clock is not enough to run at
//                      the same time: times of files are real under it, and what a program of the step packs
//                      with them (tar, zip, a wheel) would have the first's whenever the replica is ahead by
//                      as much as it began later. Steps without a command, and all steps where the clock may
//                      be the same, run beside the first.
#pragma once

#include <optional>

#include "coordinator/core/attempt_board.h"
#include "coordinator/core/build_state.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::core {

// The step that the first execution of the stage is at, which it owns or has joined in `first` (null: none is
// on the board), if replicas may be executed beside it: not a RUN where the clock is varied.
std::optional<StepUnderWay> ReleasedStep(const BuildState& state, int stage, const Attempt* first);

// A replica that is executed before the first is done must not wait for a client, and would fail if none
// came.
bool NeedsClient(const v1::Step& step);

}  // namespace crossmill::core
