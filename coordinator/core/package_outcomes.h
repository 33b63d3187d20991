// How each Python package of a step arrived: what the console says and what the layer holds, put together.
// Pure. docs/formats.md, "outcomes", describes the result for readers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "coordinator/core/console_packages.h"
#include "crossmill/v1/report.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::core {

// Outcomes of one step on one platform, runtime before build-dep, then by name and version.
// `infos` are those of the step's layer; `emulated` is copied into each outcome.
//
// Presence is the layer's word, origin and seconds are the console's. Where the two disagree the console's
// outcome stands and `conflict` holds both words.
std::vector<v1::PackageOutcome> DerivePackages(absl::Span<const ConsoleLine> lines,
                                               absl::Span<const v1::DistInfo> infos, bool emulated);

}  // namespace crossmill::core
