// What becomes of a running build when something that it has made is not in the blob store any more: its
// stages are walked again from where it was made, as they are after a restart.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "common/base/blob_store.h"
#include "coordinator/core/attempt_board.h"
#include "coordinator/core/build_state.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Whether a layer below the task or an export that it copies is known not to be in the store: no worker can
// execute it. A store that does not answer has lost nothing.
bool LacksInputs(const v1::Task& task, BlobStore& blobs);

// The stages that have made something which is not there any more, and all that go on from them or copy from
// them: a step that is executed again may make another layer, and no image may have both. What is lost of a
// base or a context no stage has made.
std::set<int> StagesOfLost(core::BuildState& state, BlobStore& blobs);

// These stages begin anew (BuildState::WalkAgain). What is under way of them is ended on the board and given
// to `close`. Returns who waited for that, and has to be advanced.
[[nodiscard]] std::vector<core::StageRunId> WalkAgain(core::BuildState& state, const std::set<int>& stages,
                                                      core::AttemptBoard& board,
                                                      const std::function<void(core::Attempt&)>& close);

}  // namespace crossmill::coordinator
