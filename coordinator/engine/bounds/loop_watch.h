// How long single events hold the transaction loop, by what they are: everybody's events wait for the
// longest.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Of one kind of event since the start.
struct LoopTimes {
  std::string kind;
  int64_t events = 0;
  // Those that took more than LoopWatch::kLongest.
  int64_t slow = 0;
  std::chrono::nanoseconds longest{0};
};

// Thread safe.
class LoopWatch {
 public:
  // What none should exceed.
  static constexpr std::chrono::milliseconds kLongest{50};

  // Notes the time of its life. `kind` is one of a few words, and lives for ever.
  class Timer {
   public:
    Timer(LoopWatch& watch, std::string_view kind)
        : watch_(watch), kind_(kind), began_(std::chrono::steady_clock::now()) {}
    ~Timer() { watch_.Note(kind_, std::chrono::steady_clock::now() - began_); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

   private:
    LoopWatch& watch_;
    const std::string_view kind_;
    const std::chrono::steady_clock::time_point began_;
  };

  void Note(std::string_view kind, std::chrono::nanoseconds time);
  // By kind.
  std::vector<LoopTimes> Read() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string_view, LoopTimes> times_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
