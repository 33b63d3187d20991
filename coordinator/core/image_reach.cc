#include "coordinator/core/image_reach.h"

#include <algorithm>

#include "common/base/paths.h"
#include "common/plan/step_sources.h"

namespace crossmill::core {
ImageReach::ImageReach(const v1::BuildPlan& plan, uint32_t target_stage, const ResolvedExports& resolved)
    : whole_(static_cast<size_t>(plan.stages_size()), false),
      exports_(static_cast<size_t>(plan.stages_size())) {
  Walk walk{plan, resolved, {}};
  AddWhole(walk, target_stage);
}

void ImageReach::AddWhole(Walk& walk, uint32_t stage) {
  if (whole_[stage]) return;
  whole_[stage] = true;
  const v1::StagePlan& planned = walk.plan.stages(static_cast<int>(stage));
  if (planned.base_case() == v1::StagePlan::kBaseStage) AddWhole(walk, planned.base_stage());
  for (const v1::Step& step : planned.steps()) {
    for (const v1::CopySource* source : plan::SourcesOf(step)) {
      if (source->has_export_()) AddExport(walk, source->export_());
    }
  }
}

void ImageReach::AddExport(Walk& walk, const v1::ExportSource& source) {
  const auto& exports = walk.plan.stages(static_cast<int>(source.stage())).exports();
  const auto found = std::find_if(exports.begin(), exports.end(), [&](const v1::Export& known) {
    return plan::SameExport(known, source.export_());
  });
  const auto index = static_cast<size_t>(found - exports.begin());
  if (!walk.added.emplace(source.stage(), index).second) return;
  const auto& known = walk.resolved.paths;
  const v1::ExportedPaths* paths = nullptr;
  if (source.stage() < known.size() && index < known[source.stage()].size() &&
      known[source.stage()][index].has_value()) {
    paths = &*known[source.stage()][index];
  }
  AddPaths(walk, source.stage(), std::make_shared<ExportedPathSet>(source.export_(), paths));
}

void ImageReach::AddPaths(Walk& walk, uint32_t stage, const SharedPaths& paths) {
  exports_[stage].push_back(paths);
  const v1::StagePlan& planned = walk.plan.stages(static_cast<int>(stage));
  // The export is taken from the stage's whole root: the stages below it too.
  if (planned.base_case() == v1::StagePlan::kBaseStage) AddPaths(walk, planned.base_stage(), paths);
  for (const v1::Step& step : planned.steps()) {
    for (const v1::CopySource* source : plan::SourcesOf(step)) {
      if (!source->has_export_()) continue;
      // What was copied into this stage is exported with it if it was written where the export was taken. A
      // command may write anywhere what it sees in a mount.
      if (step.has_copy() && walk.resolved.plain_copies.contains({stage, step.number()}) &&
          !paths->Overlaps(PlainPath(step.copy().destination()))) {
        continue;
      }
      AddExport(walk, source->export_());
    }
  }
}

bool ImageReach::Reaches(uint32_t stage, const v1::PathDifference& difference) const {
  return whole_[stage] || std::any_of(exports_[stage].begin(), exports_[stage].end(),
                                      [&](const SharedPaths& paths) { return paths->Holds(difference); });
}

bool WroteWhereTold(const layer::LayerManifest& layer, std::string_view destination) {
  const std::string told = PlainPath(destination);
  bool any = false;
  for (const layer::ManifestEntry& each : layer.entries) {
    const bool there = IsAtOrBelow(each.entry.path, told);
    any = any || there;
    const bool on_the_way = each.entry.type == layer::EntryType::kDirectory && !each.whiteout &&
                            IsAtOrBelow(told, each.entry.path);
    if (!there && !on_the_way) return false;
  }
  return any;
}

}  // namespace crossmill::core
