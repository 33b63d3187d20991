// A store whose disk is full, on the coordinator's machine: what a step made is not lost for it, and its task
// has not failed. It is written when there is room again.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "absl/time/time.h"
#include "common/base/log.h"
#include "common/base/room/peer_room.h"
#include "common/base/status.h"

namespace crossmill::worker {

// Between two attempts, each of which may send a whole layer: from the first on twice as long each time.
constexpr absl::Duration kAskForRoomAgain = absl::Seconds(1);
constexpr absl::Duration kAskForRoomAtLeast = absl::Seconds(15);

// What `write` gives, a StatusOr; again as long as the peer that keeps blobs says that it has no room.
// CANCELLED when `stop` came first.
template <typename Write>
auto WriteWhenThereIsRoom(const std::stop_token& stop, const Write& write,
                          absl::Duration pause = kAskForRoomAgain) {
  bool told = false;
  while (true) {
    auto written = write();
    if (!HasPeerNoRoom(written.status())) return written;
    if (stop.stop_requested()) return decltype(written)(absl::CancelledError("cancelled"));
    if (!told) LogWarning("a result waits for room: {}", Sv(written.status().message()));
    told = true;
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, absl::ToChronoNanoseconds(pause), [] { return false; });
    pause = std::min(pause * 2, kAskForRoomAtLeast);
  }
}

}  // namespace crossmill::worker
