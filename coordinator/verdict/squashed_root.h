// What a stack of layers leaves, without the layers: a difference that a later step removes again is in none
// of it. Pure.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/types/span.h"
#include "common/layer/layer_manifest.h"

namespace crossmill::verdict {

// Two stacks on one base with equal ones give equal root file systems, times apart.
struct SquashedRoot {
  // Type, mode, owner, link, device, attributes and content of each path.
  std::map<std::string, std::string> entries;
  // All that a layer removed, of whatever was below.
  std::set<std::string> removed;

  bool operator==(const SquashedRoot&) const = default;
};

// `layers` from the bottom up; not null.
SquashedRoot Squash(absl::Span<const layer::LayerManifest* const> layers);

}  // namespace crossmill::verdict
