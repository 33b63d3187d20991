// Filters of `buildx history ls`: "status==error", "repository~=team/app", "startedAt>24h,duration>5m". The
// meaning is that of BuildKit (solver/llbsolver/history/filter.go). Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/buildkit/history/filter_conditions.h"
#include "moby/buildkit/v1/control.pb.h"

namespace crossmill::coordinator::buildkit {

namespace bk = ::moby::buildkit::v1;

// Immutable.
class HistoryFilter {
 public:
  // Conditions in one text, with commas between them, have to hold all; of several texts one. None:
  // everything passes. `now`: what "startedAt>24h" is counted from. INVALID_ARGUMENT names what means
  // nothing, or a limit: 100 conditions, of 4 KiB each.
  static absl::StatusOr<HistoryFilter> Parse(const std::vector<std::string>& texts, absl::Time now);

  bool Matches(const bk::BuildHistoryRecord& record) const { return alternatives_.Matches(record); }

 private:
  using Alternatives = FilterAlternatives<bk::BuildHistoryRecord>;
  explicit HistoryFilter(Alternatives alternatives) : alternatives_(std::move(alternatives)) {}

  Alternatives alternatives_;
};

// "completed", "error", "canceled" or "running".
std::string StatusOf(const bk::BuildHistoryRecord& record);
// The URL of the repository that was built, without its revision; empty: it was none, or nobody knows.
std::string RepositoryOf(const bk::BuildHistoryRecord& record);

}  // namespace crossmill::coordinator::buildkit
