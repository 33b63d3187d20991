// How much of a worker's reports the coordinator holds at a time: from a worker that says more no more is
// read until there is room, which its connection passes on to it. Nobody waits here: connections share few
// threads.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe. Outlives the places that it gave.
class ReportRoom {
 public:
  // Given back with its destruction.
  class Place {
   public:
    Place(ReportRoom& room, std::string worker, size_t bytes)
        : room_(room), worker_(std::move(worker)), bytes_(bytes) {}
    ~Place() { room_.Leave(worker_, bytes_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    ReportRoom& room_;
    const std::string worker_;
    const size_t bytes_;
  };

  // `most`: bytes of one worker.
  explicit ReportRoom(size_t most = size_t{64} << 20) : most_(most) {}

  // Of a report that was read, also where there is no room.
  std::shared_ptr<Place> Enter(const std::string& worker, size_t bytes);
  // Whether one more may be read. If not, `later` is called once when it may: wherever a place is given back.
  bool HasRoom(const std::string& worker, std::function<void()> later);
  // From whom nothing is read for now: that nothing comes from them says nothing about them.
  std::vector<std::string> Waiting();
  // There is room for all from now on.
  void Stop();

 private:
  struct Holder {
    size_t bytes = 0;
    std::vector<std::function<void()>> later;
  };

  void Leave(const std::string& worker, size_t bytes);

  const size_t most_;
  Mutex mutex_;
  std::map<std::string, Holder> holders_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace crossmill::coordinator
