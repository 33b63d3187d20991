// What two executions of one step were given that was not the same: a step that got other input may make
// other output without being to blame. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/report.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::verdict {

// What is recorded of an execution's input.
struct ExecutionInput {
  v1::StepFetches fetches;
  std::vector<v1::PackageOutcome> packages;
};

// Files that one of them fetched and the other did not, by content: where the same bytes came from does not
// matter. Only what was fetched whole counts: no failed or refused exchange, no page of a package index (the
// files that were chosen from it do), no tunnel, whose content is not visible. Then Python packages with
// other versions. A wheel that the farm compiled and the archive that it was compiled from are one input. At
// most `limit`, fetches first, in the order of their names.
std::vector<v1::InputChange> ChangedInputs(const ExecutionInput& first, const ExecutionInput& other,
                                           size_t limit);

}  // namespace crossmill::verdict
