// Which paths of which stages end up in a cell's image: by FROM whole stages, by COPY --from the exported
// subtrees. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::core {

class ImageReach {
 public:
  // Computed once; the plan is not kept.
  ImageReach(const v1::BuildPlan& plan, uint32_t target_stage);

  // The target stage or one that it is FROM: everything in it is in the image (or was, until a later step).
  bool IsInImage(uint32_t stage) const { return whole_[stage]; }
  // Anything of the stage may be in the image.
  bool IsConnected(uint32_t stage) const { return whole_[stage] || !patterns_[stage].empty(); }
  // The difference is at or below a path that is copied out on the way to the image, or it changes what
  // such a path means (a link or a type above it).
  bool Reaches(uint32_t stage, const v1::PathDifference& difference) const;

 private:
  void AddWhole(const v1::BuildPlan& plan, uint32_t stage);
  void AddPattern(const v1::BuildPlan& plan, uint32_t stage, const std::string& pattern);

  // Both indexed by stage.
  std::vector<bool> whole_;
  // Paths and globs in normal form: no slash at either end, "" for the root.
  std::vector<std::vector<std::string>> patterns_;
};

// Is `path` a match of the export's pattern or below one? COPY's globs by path component: * ? [] within one,
// ** for any number of them.
bool LiesInExport(std::string_view pattern, std::string_view path);

}  // namespace crossmill::core
