// What changed in the packages of a build since the last one of the same recipe. Pure.
// docs/formats.md, "Package change", describes the result for readers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/package_history.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::core {

// A package of a build, where it is.
struct PlacedPackage {
  v1::Platform platform;
  int64_t execution = 0;
  v1::PackageOutcome outcome;
};

// How `now`, the packages of one cell, differ from `before`, those of the cell of build `build_before`, which
// succeeded. By platform, scope and name: stages and steps may have moved. `complete`: the cell of `now`
// succeeded too; else what is not there yet is no change. What both took from one execution has not changed.
// Sorted: first what is no longer a wheel, then by what it is, name and platform.
//
// Of build dependencies only versions and wheels count: they come and go with what is compiled. Where one of
// the two outcomes is unknown or bypassed nothing is said of how it arrived.
std::vector<v1::PackageChange> ComparePackages(absl::Span<const PlacedPackage> before,
                                               absl::Span<const PlacedPackage> now, int64_t build_before,
                                               bool complete);

}  // namespace crossmill::core
