// Stages that failed because a blob is only in a bucket that does not answer: they wait for it, for some
// time, and run again; nobody else waits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/attempt_board.h"

namespace crossmill::coordinator {

// Only used in the transaction loop.
class OutageWait {
 public:
  // How long a stage waits, from its first failure on, before such failures count as others do.
  static constexpr absl::Duration kPatience = absl::Minutes(15);
  // It is tried again when the bucket seems to answer, and now and then anyway.
  static constexpr absl::Duration kLeastPause = absl::Seconds(5);
  static constexpr absl::Duration kLongestPause = absl::Seconds(30);

  // Whether the bucket is known not to answer; may be empty: there is none.
  explicit OutageWait(std::function<bool()> away) : away_(std::move(away)) {}

  // By the words of whoever met it, a worker too; never where there is no bucket.
  bool IsOutage(std::string_view reason) const;
  // The stage failed for an outage. False: it has waited long enough.
  bool Hold(const core::StageRunId& run, absl::Time now);
  // Those that are to be tried again; they may have ended meanwhile.
  std::vector<core::StageRunId> TakeDue(absl::Time now);
  // The build has ended.
  void Forget(int64_t build);

 private:
  struct Waiting {
    absl::Time since;
    absl::Time held_at;
    bool held = false;
  };

  const std::function<bool()> away_;
  std::map<core::StageRunId, Waiting> waiting_;
};

}  // namespace crossmill::coordinator
