// Which paths of which stages end up in a cell's image: by FROM whole stages, by COPY --from the exported
// subtrees. Pure.
//
// A path is judged where its bytes are: layers name paths without links, and so do exporters. Where nobody
// knows (an old record, a COPY whose destination led through a link), it reaches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/layer/layer_manifest.h"
#include "coordinator/core/exported_paths.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::core {

// What the executions showed of a plan's exports.
struct ResolvedExports {
  // By stage, parallel to StagePlan.exports; nullopt or missing: not known.
  std::vector<std::vector<std::optional<v1::ExportedPaths>>> paths;
  // COPY steps (stage, Step.number) whose layers show that they wrote where their destination says.
  std::set<std::pair<uint32_t, uint32_t>> plain_copies;
};

class ImageReach {
 public:
  // Computed once; nothing is kept of the arguments.
  ImageReach(const v1::BuildPlan& plan, uint32_t target_stage, const ResolvedExports& resolved);

  // The target stage or one that it is FROM: everything in it is in the image (or was, until a later step).
  bool IsInImage(uint32_t stage) const { return whole_[stage]; }
  // Anything of the stage may be in the image.
  bool IsConnected(uint32_t stage) const { return whole_[stage] || !exports_[stage].empty(); }
  // The difference is in the image, or in what is copied out on the way to it.
  bool Reaches(uint32_t stage, const v1::PathDifference& difference) const;

 private:
  using SharedPaths = std::shared_ptr<const ExportedPathSet>;

  // One pass over a plan.
  struct Walk {
    const v1::BuildPlan& plan;
    const ResolvedExports& resolved;
    // Stage and index of each export that was added.
    std::set<std::pair<uint32_t, size_t>> added;
  };
  void AddWhole(Walk& walk, uint32_t stage);
  void AddExport(Walk& walk, const v1::ExportSource& source);
  void AddPaths(Walk& walk, uint32_t stage, const SharedPaths& paths);

  // Both indexed by stage.
  std::vector<bool> whole_;
  std::vector<std::vector<SharedPaths>> exports_;
};

// A COPY's layer has something at or below its destination and nothing elsewhere but folders on the way
// there: so no link led it away, and its destination may be compared with other paths.
bool WroteWhereTold(const layer::LayerManifest& layer, std::string_view destination);

}  // namespace crossmill::core
