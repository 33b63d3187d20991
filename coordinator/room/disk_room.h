// Whether the coordinator's disk has room, and for what. The record is worth more than results, and these
// more than what is new: so what is new is refused first, then what builds in course make, and the record
// still has a reserve. Nobody has to do anything but make room: it is noticed within a second.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/base/room/disk_space.h"
#include "coordinator/room/disk_reserve.h"

namespace crossmill::coordinator {

// What is written, by who has to go first.
enum class RoomFor {
  // What clients send, bases and what ADD fetches.
  kNew,
  // Layers, exports and images of builds that are under way.
  kResults,
};

enum class RoomLevel { kEnough, kNothingNew, kRecordOnly };

struct DiskRoomOptions {
  // On the disk that is watched.
  std::string folder;
  // Free bytes below which nothing new is taken; below half of it nothing but the record. 0: UsualLeastSpace.
  uint64_t least_space = 0;
  // Of the reserve; less on a small disk.
  uint64_t reserve_bytes = uint64_t{64} << 20;
  absl::Duration interval = absl::Seconds(1);
  std::function<absl::StatusOr<DiskSpace>(const std::string&)> measure = SpaceOf;
};

// Thread safe. One for a process at most: the reserve is what SQLite falls back on
// (common/base/room/spare_room.h).
class DiskRoom {
 public:
  explicit DiskRoom(DiskRoomOptions options);
  ~DiskRoom();
  DiskRoom(const DiskRoom&) = delete;
  DiskRoom& operator=(const DiskRoom&) = delete;

  // RESOURCE_EXHAUSTED with a sentence for people when there is no room for it, or would be none with so many
  // bytes more.
  absl::Status Check(RoomFor use, int64_t bytes = 0);
  // After each piece of a blob: many writers must not run past a floor between two looks.
  void Wrote(int64_t bytes);
  // Both, of what is about to be written.
  absl::Status Take(RoomFor use, int64_t bytes);

  RoomLevel level() const { return level_; }
  // Why, for people; empty when there is enough.
  std::string reason() const;
  DiskSpace space() const;
  // Free bytes below which nothing new is taken.
  uint64_t least_space() const;
  // How often it said no. Whoever fails and sees it grow failed for want of room.
  int64_t refusals() const { return refusals_; }
  // The disk itself refused something, before anybody had looked: that is a refusal, too.
  void NoteFull() {
    ++refusals_;
    Look();
  }
  // Why nothing new is taken although the disk has room (a budget that cannot be met), for people; empty: it
  // is.
  void SetOverBudget(std::string reason);
  // What is asked to make room before anything new is refused; it takes some seconds at most. Once, before
  // there are other threads.
  void OnShort(std::function<void()> make_room) { make_room_ = std::move(make_room); }
  // Where nothing new would be taken: has room made, and looks again. Never under a lock or in the engine's
  // loop.
  void MakeRoom();
  // Until there is room for results, or for what is new; false: `stop` came first.
  bool Wait(RoomFor use, const std::stop_token& stop);
  // Now.
  void Look();

 private:
  absl::Status Refuse(std::string reason);
  RoomLevel LevelOf(const DiskSpace& space) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string ReasonOf(RoomLevel level, const DiskSpace& space) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MakeReserve(const DiskSpace& space) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Watch(const std::stop_token& stop);
  bool Admits(RoomFor use) const;

  const DiskRoomOptions options_;
  std::atomic<RoomLevel> level_ = RoomLevel::kEnough;
  std::atomic<int64_t> refusals_ = 0;
  std::atomic<int64_t> unseen_bytes_ = 0;
  // Of whoever looks, before mutex_: what was measured earlier never replaces what was measured later.
  Mutex looking_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable Mutex mutex_;
  CondVar changed_;
  uint64_t least_space_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t least_files_ ABSL_GUARDED_BY(mutex_) = 0;
  DiskSpace space_ ABSL_GUARDED_BY(mutex_);
  std::string reason_ ABSL_GUARDED_BY(mutex_);
  std::string over_budget_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> make_room_;
  std::unique_ptr<DiskReserve> reserve_;
  // Last: it uses the rest.
  std::jthread watch_;
};

}  // namespace crossmill::coordinator
