// Filters of `buildx du`: "type==regular", "inuse", "id~=^blobs". The meaning is that of BuildKit's own
// records (cache/manager.go, adaptUsageInfo) and of containerd's filters. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/buildkit/history/filter_conditions.h"
#include "moby/buildkit/v1/control.pb.h"

namespace crossmill::coordinator::buildkit {

namespace bk = ::moby::buildkit::v1;

// Immutable.
class UsageFilter {
 public:
  // Conditions in one text, with commas between them, have to hold all; of several texts one. None:
  // everything passes. INVALID_ARGUMENT names what means nothing, or the limit: 100 conditions, of 4 KiB
  // each.
  static absl::StatusOr<UsageFilter> Parse(const std::vector<std::string>& texts);

  bool Matches(const bk::UsageRecord& record) const { return alternatives_.Matches(record); }

 private:
  using Alternatives = FilterAlternatives<bk::UsageRecord>;
  explicit UsageFilter(Alternatives alternatives) : alternatives_(std::move(alternatives)) {}

  Alternatives alternatives_;
};

}  // namespace crossmill::coordinator::buildkit
