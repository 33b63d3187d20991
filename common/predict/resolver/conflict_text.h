// Why there is no solution, in pip's own words. Used by resolver.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/resolver/resolver_provider.h"

namespace crossmill::predict {

struct ConflictText {
  std::vector<std::string> lines;
  // Not empty: it is about this project alone.
  const Need* single = nullptr;
};

absl::StatusOr<ConflictText> DescribeConflict(ResolverProvider& provider,
                                              const std::vector<const Information*>& causes);

}  // namespace crossmill::predict
