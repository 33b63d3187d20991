// Builds as they are listed, newest first and by a filter, from short rows that are derived for it in the
// transactions that end builds.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/filter/filter.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::storage {

// What one question looks at, so that none takes longer on a larger record: numbers of builds.
inline constexpr int64_t kLookedAt = 50'000;
// Of builds that have not ended, which have no short rows.
inline constexpr int kUnfinishedLookedAt = 1000;

// Builds that compile wheels for others are in none of them. Thread safe. The connection outlives it.
class BuildList {
 public:
  explicit BuildList(Connection& connection, int64_t looked_at = kLookedAt,
                     int unfinished_looked_at = kUnfinishedLookedAt)
      : connection_(connection), looked_at_(looked_at), unfinished_looked_at_(unfinished_looked_at) {}

  struct Page {
    // Newest first; those that have ended are as overview::KeepHeadline leaves them.
    std::vector<v1::BuildView> builds;
    // Where to go on: builds below it were not looked at. 0: there are none.
    int64_t next = 0;
  };
  // Builds that have ended and that scope and filter find, below `before` (0: from the newest).
  absl::StatusOr<Page> Ended(const filter::Filter& filter, int64_t before, int limit,
                             const core::Scope& scope = core::Scope::OfFarm());

  // Whether a build is asked for. The view is as it was first saved: what happened since is not in the
  // record's rows, and is to be put there. Called while the connection is held: it asks no record.
  using Wanted = absl::FunctionRef<bool(const v1::BuildSubmission& submission, v1::BuildView* view)>;
  // Builds that have not ended and that are wanted, as `wanted` leaves them, below `before` (0: from the
  // newest). No more are looked at than are needed for that.
  absl::StatusOr<Page> NotEnded(int64_t before, int limit, Wanted wanted);

 private:
  Connection& connection_;
  const int64_t looked_at_;
  const int unfinished_looked_at_;
};

// The newest of both, as one page of at most `limit` below `before`. A build that is in both counts as ended.
BuildList::Page OneList(BuildList::Page ended, BuildList::Page not_ended, int64_t before, int limit);

}  // namespace crossmill::storage
