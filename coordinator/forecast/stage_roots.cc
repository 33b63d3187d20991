#include "coordinator/forecast/stage_roots.h"

#include <utility>

#include "common/base/status.h"
#include "common/plan/step_key.h"
#include "common/plan/step_sources.h"
#include "common/predict/commands/system_commands.h"
#include "coordinator/core/build_state.h"
#include "coordinator/forecast/copied_content.h"

namespace crossmill::coordinator {
namespace {

// Of all roots of one walk, which are kept until its end.
constexpr size_t kMostPathsOfStages = 3'000'000;

// With all that they need.
std::set<uint32_t> Closure(const v1::BuildPlan& plan, const std::set<uint32_t>& stages) {
  std::set<uint32_t> all;
  std::vector<uint32_t> left(stages.begin(), stages.end());
  while (!left.empty()) {
    const uint32_t stage = left.back();
    left.pop_back();
    if (!all.insert(stage).second) continue;
    for (const uint32_t needed : plan::NeededStages(plan.stages(static_cast<int>(stage))))
      left.push_back(needed);
  }
  return all;
}

std::string PlaceOfStep(const v1::Step& step) {
  return fmt::format("{} on line {}", step.instruction(), step.range().first_line());
}

}  // namespace

absl::Status StageRoots::AddLayer(const v1::Layer& layer, StageState& state) {
  const Digest tar = FromProto(layer.tar());
  ASSIGN_OR_RETURN(const auto index, parts_.indexes.Get(tar, stop_));
  return state.root.AddLayer(*index, tar);
}

absl::StatusOr<StageRoots::StageState> StageRoots::Begin(const v1::StagePlan& stage) {
  if (stage.has_base_stage()) return states_.at(stage.base_stage());
  StageState state{MergedRoot(parts_.blobs)};
  if (!stage.has_base_image()) return state;
  for (const v1::Layer& layer : plan_.bases(static_cast<int>(stage.base_image())).layers()) {
    RETURN_IF_ERROR(AddLayer(layer, state));
    state.chain->push_back(layer);
  }
  return state;
}

MergedRoot* StageRoots::KnownRoot(uint32_t stage) {
  const auto found = states_.find(stage);
  return found == states_.end() || !found->second.doubts.empty() ? nullptr : &found->second.root;
}

std::optional<v1::Step> StageRoots::Resolved(const v1::Step& step) const {
  v1::Step resolved = step;
  for (v1::CopySource* source : plan::MutableSourcesOf(resolved)) {
    if (!source->has_export_()) continue;
    const auto producer = states_.find(source->export_().stage());
    if (producer == states_.end()) return std::nullopt;
    const v1::StagePlan& stage = plan_.stages(static_cast<int>(source->export_().stage()));
    bool found = false;
    for (int i = 0; i < stage.exports_size() && !found; ++i) {
      const std::optional<Digest>& blob = producer->second.exports[static_cast<size_t>(i)];
      if (!blob.has_value() || !plan::SameExport(stage.exports(i), source->export_().export_())) continue;
      ToProto(*blob, source->mutable_export_()->mutable_blob());
      found = true;
    }
    if (!found) return std::nullopt;
  }
  return resolved;
}

absl::StatusOr<std::optional<core::StepFact>> StageRoots::FindResult(const v1::StagePlan& stage,
                                                                     const v1::Step& step,
                                                                     const StageState& state) {
  using Found = std::optional<core::StepFact>;
  if (!state.chain.has_value()) return Found();
  const std::optional<v1::Step> resolved = Resolved(step);
  if (!resolved.has_value()) return Found();
  std::optional<int64_t> epoch;
  if (!plan_.keep_times()) epoch = plan_.epoch();
  const std::string key = plan::StepKey(stage.platform(), core::DiffIds(*state.chain), *resolved, epoch);
  ASSIGN_OR_RETURN(auto hit, parts_.cache.Find(key, no_cache_ || stage.no_cache() ? since_ : 0, false));
  return hit.has_value() ? Found(std::move(hit->fact)) : Found();
}

absl::Status StageRoots::Visit(uint32_t index, const v1::Step& step, int64_t execution,
                               const RunVisitor& visitor, StageState& state) {
  RunPlace place{index, &step, &state.root, state.doubts, execution};
  // What is mounted is there during the step only.
  std::optional<MergedRoot> mounted;
  for (const v1::RunMount& mount : step.run().mounts()) {
    if (mount.type() != v1::RunMount::TYPE_BIND && mount.type() != v1::RunMount::TYPE_TMPFS) continue;
    if (!mounted.has_value()) mounted = state.root;
    ASSIGN_OR_RETURN(std::vector<std::string> doubts,
                     MountContent(
                         mount, [this](uint32_t stage) { return KnownRoot(stage); }, parts_.blobs, *mounted));
    for (std::string& doubt : doubts) place.doubts.push_back({std::move(doubt), false});
    place.root = &*mounted;
  }
  return visitor(place);
}

absl::Status StageRoots::Apply(const v1::Step& step, const std::optional<core::StepFact>& result,
                               StageState& state) {
  if (result.has_value()) {
    state.chain->push_back(result->layer);
    return AddLayer(result->layer, state);
  }
  state.chain.reset();
  if (step.has_workdir()) return state.root.PutFolder(step.workdir().path());
  if (step.has_copy()) {
    ASSIGN_OR_RETURN(
        std::vector<std::string> doubts,
        CopyContent(
            step.copy(), [this](uint32_t from) { return KnownRoot(from); }, parts_.blobs, state.root));
    for (std::string& doubt : doubts)
      state.doubts.push_back({fmt::format("{}: {}", PlaceOfStep(step), std::move(doubt)), false});
    return absl::OkStatus();
  }
  state.doubts.push_back(
      {fmt::format("what {} changes is not known: it has no result on this farm", PlaceOfStep(step)),
       predict::ChangesOnlyTheSystem(step.run())});
  return absl::OkStatus();
}

absl::Status StageRoots::FindExports(const v1::StagePlan& stage, StageState& state) {
  state.exports.assign(static_cast<size_t>(stage.exports_size()), std::nullopt);
  if (!state.chain.has_value()) return absl::OkStatus();
  for (int i = 0; i < stage.exports_size(); ++i) {
    ASSIGN_OR_RETURN(const auto made,
                     parts_.cache.FindExport(plan::ExportKey(core::DiffIds(*state.chain), stage.exports(i))));
    if (made.has_value()) state.exports[static_cast<size_t>(i)] = made->blob;
  }
  return absl::OkStatus();
}

absl::Status StageRoots::Walk(const std::set<uint32_t>& stages, const RunVisitor& visitor) {
  // Ordered: stages come after those that they need.
  for (const uint32_t index : Closure(plan_, stages)) {
    const v1::StagePlan& stage = plan_.stages(static_cast<int>(index));
    ASSIGN_OR_RETURN(StageState state, Begin(stage));
    for (const v1::Step& step : stage.steps()) {
      if (stop_.stop_requested()) return absl::CancelledError("cancelled");
      if (!core::HasAction(step)) continue;
      ASSIGN_OR_RETURN(const std::optional<core::StepFact> result, FindResult(stage, step, state));
      if (step.has_run())
        RETURN_IF_ERROR(Visit(index, step, result.has_value() ? result->execution : 0, visitor, state));
      RETURN_IF_ERROR(Apply(step, result, state));
    }
    RETURN_IF_ERROR(FindExports(stage, state));
    paths_ += state.root.paths();
    if (paths_ > kMostPathsOfStages)
      return absl::ResourceExhaustedError(
          fmt::format("the roots of the stages have more than {} paths", kMostPathsOfStages));
    states_.emplace(index, std::move(state));
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
