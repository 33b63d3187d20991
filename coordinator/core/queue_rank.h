// Who comes first among tasks that wait. Pure.
//
// A task counts as if it had come earlier by the longest chain through it: from when its build was submitted,
// its own expected time, and the longest chain of stages behind it; at most kMostHeadStart. So within a build
// the longest path is first, also where its stages become ready one after another, and equal paths are served
// as their builds came. The rank never changes while a task waits, and that is the ageing: a task is
// overtaken only by those that come later by less than their chain is longer. Whatever comes more than
// kMostHeadStart later goes behind it, so an early build gets its turn however long the builds are that
// follow, and a small one behind a large one.
//
// A priority is a head start as well, of kPriorityStep each, or a delay where it is below 0: "high" is before
// whatever of normal priority came up to half an hour earlier, and what is "low" gets its turn all the same
// when it has waited half an hour longer. This is the order within a project; between projects it is their
// shares (fairness/fair_clock.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "common/words/priority.h"

namespace crossmill::core {

constexpr absl::Duration kMostHeadStart = absl::Minutes(10);
constexpr absl::Duration kPriorityStep = absl::Seconds(36);

struct QueueRank {
  // Behind all that are not.
  bool spare = false;
  // When it came, less its head start.
  absl::Time as_if_come;
  // Told apart by the order in which they came.
  uint64_t place = 0;

  bool operator<(const QueueRank& other) const {
    if (spare != other.spare) return other.spare;
    return as_if_come != other.as_if_come ? as_if_come < other.as_if_come : place < other.place;
  }
  bool operator==(const QueueRank& other) const {
    return spare == other.spare && as_if_come == other.as_if_come && place == other.place;
  }
};

inline QueueRank RankOf(absl::Time came, absl::Duration path, uint64_t place, int32_t priority = 0) {
  return {.as_if_come = came - std::clamp(path, absl::ZeroDuration(), kMostHeadStart) -
                        kPriorityStep * std::clamp(priority, -kMostPriority, kMostPriority),
          .place = place};
}

}  // namespace crossmill::core
