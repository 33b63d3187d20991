// What a full disk of the coordinator means for builds: jobs that failed for want of room are done again when
// there is some, and people are told what their builds wait for.
#pragma once

#include <cstdint>
#include <set>
#include <stop_token>

#include "coordinator/engine/running_build.h"
#include "coordinator/room/disk_room.h"

namespace crossmill::coordinator {

// What `make` gives; again, after there was room, when `failed` says of it that it could be for want of room
// and the disk refused something meanwhile. `room` null: there always is.
template <typename Make, typename Failed>
auto RepeatForRoom(DiskRoom* room, RoomFor use, const std::stop_token& stop, const Make& make,
                   const Failed& failed) {
  // There are refusals for which no room makes up, such as a lack of descriptors.
  constexpr int kMostTries = 20;
  for (int tries = 1;; ++tries) {
    const int64_t refusals = room == nullptr ? 0 : room->refusals();
    auto result = make();
    if (room == nullptr || room->refusals() == refusals || !failed(result) || tries == kMostTries)
      return result;
    if (!room->Wait(use, stop)) return result;
  }
}

// Only used in the transaction loop.
class RoomNews {
 public:
  // Not owned; null: there always is room.
  explicit RoomNews(DiskRoom* room) : room_(room) {}

  // Nothing is given to workers while what they make could not be taken.
  bool MayDispatch() const { return room_ == nullptr || room_->level() != RoomLevel::kRecordOnly; }
  // Builds that have to wait, and those that go on, since the last time; they are added to `touched`.
  void Tell(const RunningBuilds& builds, int64_t now, std::set<int64_t>* touched);

 private:
  DiskRoom* const room_;
  // Who was told to wait.
  std::set<int64_t> told_;
};

}  // namespace crossmill::coordinator
