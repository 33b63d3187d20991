// When replicas of a stage may execute which of its steps. Pure.
//
// A replica executes each step on the first execution's layers, so a step can be repeated as soon as the
// layers of all steps before it are known: that is the moment when the first execution begins that step
// itself. A replica's task is therefore small: the steps whose parents are known by now, of which the last
// one may be the step that the first is at ("beside" it). When it has ended, or the first has gone on while
// it is queued, the replica is looked at again. So N executions on N free hosts take about as long as one,
// and nothing is told to a worker in the middle of a task.
//
//   never in the way   Until the first execution of the stage is done its replicas are spare tasks
//                      (scheduler.h): they get what no first execution of any build waits for, are put off
//                      again when one does, and fail for no lack of hosts. Afterwards they are tasks like
//                      others.
//   judged alone       The parents are the first's layers, whatever the replica made itself.
//   another place      A replica avoids where the first is now, and where its steps were executed. If the
//                      first is lost and goes where a replica was, that replica's execution is no witness
//                      any more (verdict/witnesses.h), and the step is repeated elsewhere.
//   the clock          Whoever runs at the same time as the first reads the same real clock. A RUN is
//                      executed beside the first only where its programs are shown another clock, and two
//                      seconds later than the first began. The worker, which sees the root, decides: where
//                      that is not sure it gives the task back (TASK_OUTCOME_TOO_EARLY) and the step waits
//                      for the first's end, as all steps did before. What is recorded is looked at once more
//                      (StandsApart in circumstances.h): an execution beside the first that was not kept
//                      apart so is no witness, and what a verdict says of clocks follows from what was told.
#pragma once

#include <optional>

#include "coordinator/core/attempt_board.h"
#include "coordinator/core/build_state.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::core {

// The step that the first execution of the stage is at, which it owns or has joined in `first` (null: none is
// on the board), if replicas may be executed beside it. Not where the clock is varied and the command has not
// begun, or signs what it sends: it is not shown another clock.
std::optional<StepUnderWay> ReleasedStep(const BuildState& state, int stage, const Attempt* first);

// A replica that is executed before the first is done must not wait for a client, and would fail if none
// came.
bool NeedsClient(const v1::Step& step);

}  // namespace crossmill::core
