// What changed last in the farm's builds, for whoever follows all of them: the newest state of each build that
// changed, not its steps there, so that a slow follower costs nothing and misses no end. Pure; not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "crossmill/v1/build.pb.h"

namespace crossmill::overview {

struct FarmNewsItem {
  // Up to where it tells.
  int64_t sequence = 0;
  // What is asked for is not known any more, or nothing is: lists have to be read anew.
  bool reset = false;
  // In the order of their last changes.
  std::vector<std::shared_ptr<const v1::BuildView>> builds;
};

class ChangeLog {
 public:
  // Numbers begin behind `start`, which is larger than any that an earlier coordinator of the farm gave: a time.
  explicit ChangeLog(int64_t start, size_t most_builds = 1024)
      : most_builds_(most_builds), known_from_(start), sequence_(start) {}

  void Note(std::shared_ptr<const v1::BuildView> build);
  int64_t sequence() const { return sequence_; }
  // What changed behind that number; 0: from now on.
  FarmNewsItem Since(int64_t after) const;

 private:
  const size_t most_builds_;
  // What changed up to there may be forgotten.
  int64_t known_from_;
  int64_t sequence_;
  std::map<int64_t, std::shared_ptr<const v1::BuildView>> by_sequence_;
  // Where each build stands in it.
  std::map<int64_t, int64_t> sequence_of_;
};

}  // namespace crossmill::overview
