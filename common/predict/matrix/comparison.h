// A prediction beside what came: differences in words.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/predict.pb.h"
#include "crossmill/v1/report.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::predict {

// Of one step on one platform. Build dependencies are compared as far as any were predicted, or said to be
// missing when some were; what was there before the step and did not change is no difference. Runtime before
// build-dep, then by name.
std::vector<v1::PredictionDifference> Compare(const v1::PredictedStep& predicted,
                                              absl::Span<const v1::PackageOutcome> observed);

}  // namespace crossmill::predict
