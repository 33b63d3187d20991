// Which builds may be planned now. One with whose planning a coordinator ended may have brought it down, and
// those that were planned beside it look the same: after that each of them is planned alone, so that only the
// one that does it again is known for it. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "absl/time/time.h"

namespace crossmill::coordinator {

// Not thread safe.
class PlanningTurns {
 public:
  // How long others wait for one that is planned alone, and for all of those: what brings a coordinator down
  // does it sooner, and a registry that does not answer must not hold up everybody.
  static constexpr absl::Duration kAlone = absl::Minutes(1);
  static constexpr absl::Duration kAllAlone = absl::Minutes(3);
  // Planned at the same time: what only waits for a thread is not counted when a coordinator ends.
  static constexpr size_t kTogether = 48;

  // `suspect`: a coordinator ended while it planned the build.
  void Add(int64_t build, bool suspect);
  // It was planned, or is not wanted any more.
  void Remove(int64_t build);
  // Those that begin now, in the order in which they came.
  std::vector<int64_t> Begin(absl::Time now);

 private:
  std::deque<int64_t> suspects_;
  std::deque<int64_t> others_;
  std::set<int64_t> running_;
  // The one that nothing begins beside, until `alone_until_`.
  std::optional<int64_t> alone_;
  absl::Time alone_until_;
  // When suspects are like others; set with the first.
  std::optional<absl::Time> all_until_;
};

}  // namespace crossmill::coordinator
