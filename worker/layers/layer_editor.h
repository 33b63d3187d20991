// What may change a step's files after the step and before they become its layer.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/layers/layer_diff.h"

namespace crossmill::worker {

// Not thread safe.
class LayerEditor {
 public:
  virtual ~LayerEditor() = default;
  // `upper`: what the step wrote, not mounted, and nobody else writes to it. `lowers`: the layers below it,
  // top first. `diff`: what would become the layer. True: something in `upper` was changed, and what becomes
  // the layer is found out anew. An error ends the commit.
  virtual absl::StatusOr<bool> Edit(const std::string& upper, const std::vector<std::string>& lowers,
                                    const UpperDiff& diff) = 0;
};

}  // namespace crossmill::worker
