// What several cells, or several builds, say together: the gravest of what each says.
#pragma once

#include "crossmill/v1/build.pb.h"

namespace crossmill {

using BuildViews = google::protobuf::RepeatedPtrField<v1::BuildView>;

// The gravest verdict over the cells; UNVERIFIED when there is none.
v1::Verdict OverallVerdict(const v1::BuildView& build);
// Over the cells of all builds; a build without cells is UNVERIFIED.
v1::Verdict OverallVerdict(const BuildViews& builds);
// Of two verdicts of builds the graver.
v1::Verdict GraverVerdict(v1::Verdict one, v1::Verdict other);
// RUNNING while one has not ended; then FAILED before INFRASTRUCTURE_FAILED before TIMED_OUT before CANCELLED
// before SUCCEEDED.
v1::BuildStatus OverallStatus(const BuildViews& builds);

}  // namespace crossmill
