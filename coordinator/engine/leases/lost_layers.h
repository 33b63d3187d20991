// What becomes of a running build when something that it has made is not in the blob store any more: its
// stages are walked again from where it was made, as they are after a restart.
#pragma once

#include <functional>
#include <vector>

#include "common/base/blob_store.h"
#include "coordinator/core/attempt_board.h"
#include "coordinator/core/build_state.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Whether a layer below the task or an export that it copies is known not to be in the store: no worker can
// execute it. A store that does not answer has lost nothing.
bool LacksInputs(const v1::Task& task, BlobStore& blobs);

// Every stage that has made something which is not there any more begins anew (BuildState::WalkAgain), and so
// does all that goes on from it: a step that is executed again may make another layer, and no image may have
// both. What is under way of these stages is ended on the board and given to `close`. Returns who waited for
// that, and has to be advanced.
[[nodiscard]] std::vector<core::StageRunId> WalkLostAgain(core::BuildState& state, BlobStore& blobs,
                                                          core::AttemptBoard& board,
                                                          const std::function<void(core::Attempt&)>& close);

}  // namespace crossmill::coordinator
