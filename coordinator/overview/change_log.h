// What changed last on the farm, for whoever follows all of it: the newest state of each build that changed,
// not its steps there, so that a slow follower costs nothing and misses no end. Pure; not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crossmill/v1/build.pb.h"

namespace crossmill::overview {

struct FarmChanges {
  // Up to where it tells.
  int64_t sequence = 0;
  // What is asked for is not known any more, or nothing is: lists have to be read anew.
  bool reset = false;
  // In the order of their last changes.
  std::vector<std::shared_ptr<const v1::BuildView>> builds;
  bool workers = false;
};

// A build as lists have it, and what of it counts as a change.
struct NotedBuild {
  std::shared_ptr<const v1::BuildView> view;
  // Serialized, without last_event.
  std::string state;
};
NotedBuild ToNote(v1::BuildView build);

class ChangeLog {
 public:
  static constexpr size_t kMostBuilds = 256;

  // Numbers begin behind `start`, which is larger than any that an earlier coordinator of the farm gave: a
  // time.
  explicit ChangeLog(int64_t start, size_t most_builds = kMostBuilds)
      : most_builds_(most_builds), known_from_(start), sequence_(start) {}

  // False: it is as it was noted last.
  bool Note(NotedBuild build);
  void NoteWorkers() { workers_ = ++sequence_; }
  int64_t sequence() const { return sequence_; }
  // What changed behind that number.
  FarmChanges Since(int64_t after) const;

 private:
  const size_t most_builds_;
  // What changed up to there may be forgotten.
  int64_t known_from_;
  int64_t sequence_;
  // When workers changed last.
  int64_t workers_ = 0;
  std::map<int64_t, NotedBuild> by_sequence_;
  // Where each build stands in it.
  std::map<int64_t, int64_t> sequence_of_;
};

}  // namespace crossmill::overview
