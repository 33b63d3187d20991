// What differs between two manifests of one step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/layer/layer_manifest.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::layer {

// The first `limit` paths that differ, in the order of ComparePaths, each once with the gravest kind:
// ONLY_FIRST and ONLY_SECOND, CONTENT (of a file; both digests set), METADATA, TIME. `detail` says what
// is different beside content and time ("mode 0644 != 0600, owner 0:0 != 1:1"), also for CONTENT.
// `total`, if not null, gets the number of all differing paths.
std::vector<v1::PathDifference> DiffManifests(const LayerManifest& first, const LayerManifest& second,
                                              size_t limit, uint32_t* total);

}  // namespace crossmill::layer
