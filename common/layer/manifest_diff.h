// What differs between two manifests of one step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/layer/layer_manifest.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::layer {

// The first `limit` paths that differ, in the order of ComparePaths, each once with the gravest kind:
// ONLY_FIRST and ONLY_SECOND, CONTENT (of a file; both digests set), METADATA, TIME. `detail` says what
// is different beside content ("mode 0644 != 0600, owner 0:0 != 1:1"), also for CONTENT; of TIME both times.
// `total`, if not null, gets the number of all differing paths.
// Names of one file differ together: a hard link's content is that of its target.
std::vector<v1::PathDifference> DiffManifests(const LayerManifest& first, const LayerManifest& second,
                                              size_t limit, uint32_t* total);

// Another kind of thing is there, a link that leads elsewhere, or nothing: what a path through it means
// changes.
bool ChangesMeaning(const v1::PathDifference& difference);

// The same of the first against each of the others, every path once: with a difference that changes its
// meaning, if one does.
std::vector<v1::PathDifference> DiffManifests(const LayerManifest& first,
                                              absl::Span<const LayerManifest> others, size_t limit,
                                              uint32_t* total);

}  // namespace crossmill::layer
