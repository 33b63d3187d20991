// What the build's own layers leave of one platform, path by path, and where its bytes are. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/layer/layer_manifest.h"

namespace crossmill::compare {

struct RootEntry {
  // Of a name of a file that has others: as though it was a file of its own.
  layer::ManifestEntry entry;
  // Index of the layer that has it, and its path there.
  size_t layer = 0;
  std::string path;
};

// Without folders and removals.
using PlatformRoot = std::map<std::string, RootEntry, std::less<>>;

// `layers` from the bottom up.
PlatformRoot RootOf(absl::Span<const layer::LayerManifest> layers);

}  // namespace crossmill::compare
