#include "common/base/room/spare_room.h"

#include <cerrno>
#include <utility>

#include "common/base/mutex.h"

namespace crossmill {
namespace {

struct SpareRoom {
  Mutex mutex;
  std::function<bool()> release ABSL_GUARDED_BY(mutex);
};

// Never destroyed: writes may come until the end of the process.
SpareRoom& TheSpareRoom() {
  static SpareRoom& room = *new SpareRoom;
  return room;
}

}  // namespace

std::function<bool()> SetSpareRoom(std::function<bool()> release) {
  SpareRoom& room = TheSpareRoom();
  MutexLock lock(room.mutex);
  return std::exchange(room.release, std::move(release));
}

bool UseSpareRoom() {
  SpareRoom& room = TheSpareRoom();
  // Under the lock, so that it is not taken away while it is being used.
  MutexLock lock(room.mutex);
  return room.release && room.release();
}

bool UseSpareRoom(int error) { return (error == ENOSPC || error == EDQUOT) && UseSpareRoom(); }

}  // namespace crossmill
