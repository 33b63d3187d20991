// Builds as they are listed, newest first and by a filter, from short rows that are derived for it in the
// transactions that end builds.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/filter.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::storage {

// What one question looks at, so that none takes longer on a larger record: numbers of builds.
inline constexpr int64_t kLookedAt = 50'000;

// Builds that compile wheels for others are in none of them. Thread safe. The connection outlives it.
class BuildList {
 public:
  explicit BuildList(Connection& connection, int64_t looked_at = kLookedAt)
      : connection_(connection), looked_at_(looked_at) {}

  struct Page {
    // Newest first, as overview::KeepHeadline leaves them.
    std::vector<v1::BuildView> builds;
    // Where to go on: builds below it were not looked at. 0: there are none.
    int64_t next = 0;
  };
  // Builds that have ended and that the filter finds, below `before` (0: from the newest).
  absl::StatusOr<Page> Ended(const filter::Filter& filter, int64_t before, int limit);

  struct Unfinished {
    v1::BuildSubmission submission;
    // As it was first saved: what happened since is not in the record's rows.
    v1::BuildView view;
  };
  // Newest first, below `before`.
  absl::StatusOr<std::vector<Unfinished>> NotEnded(int64_t before);

 private:
  Connection& connection_;
  const int64_t looked_at_;
};

}  // namespace crossmill::storage
