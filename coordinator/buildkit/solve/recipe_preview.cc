#include "coordinator/buildkit/solve/recipe_preview.h"

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/plan/step_sources.h"

namespace crossmill::coordinator::buildkit {
namespace {

void Add(const v1::ContextPattern& pattern, RecipePreview* preview) {
  NeededPaths& needed = preview->contexts[pattern.context()];
  std::string path = FilterPath(pattern.pattern());
  if (path.empty()) {
    needed.all = true;
  } else {
    needed.paths.insert(std::move(path));
  }
}

void Add(const v1::Step& step, RecipePreview* preview) {
  bool remote = false;
  for (const v1::CopySource* source : plan::SourcesOf(step)) {
    if (source->has_context_pattern()) Add(source->context_pattern(), preview);
    remote = remote || source->has_remote_file() || source->has_remote_git();
  }
  if (remote) preview->remote_steps.push_back(step);
  if (!step.has_run()) return;
  for (const v1::RunMount& mount : step.run().mounts()) {
    if (mount.type() == v1::RunMount::TYPE_SECRET) preview->secret_ids.insert(mount.id());
    if (mount.type() == v1::RunMount::TYPE_SSH) preview->ssh_ids.insert(mount.id());
  }
}

}  // namespace

std::string FilterPath(std::string_view pattern) {
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(Av(pattern), '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
      continue;
    }
    parts.emplace_back(part);
  }
  return absl::StrJoin(parts, "/");
}

absl::StatusOr<RecipePreview> PreviewRecipe(const v1::Recipe& recipe, const v1::BuildOptions& given,
                                            const v1::Platform& build_platform, const PlanningLimits& limits,
                                            const PinNeeded& pin, const std::stop_token& stop) {
  pattern::Effort effort(limits.effort, stop);
  plan::PlanOptions options = PlanOptionsOf(given, build_platform, limits);
  options.effort = &effort;
  // Which time it will be changes nothing that is asked here.
  ASSIGN_OR_RETURN(const std::optional<v1::Step> epoch_source, plan::FindEpochSource(recipe, options));
  if (epoch_source) options.epoch_stage_time = plan::kEarliestEpoch;
  std::vector<v1::PinnedImage> bases;
  while (true) {
    // Triggers of the bases known so far may need more.
    ASSIGN_OR_RETURN(const std::vector<plan::BaseNeed> needs, plan::FindBases(recipe, options, bases));
    if (needs.size() == bases.size()) break;
    for (size_t i = bases.size(); i < needs.size(); ++i) {
      ASSIGN_OR_RETURN(v1::PinnedImage pinned, pin(needs[i]));
      bases.push_back(std::move(pinned));
    }
  }
  ASSIGN_OR_RETURN(const v1::BuildPlan plan, plan::MakePlan(recipe, options, bases));
  if (stop.stop_requested()) return absl::CancelledError("planning was cancelled");
  RecipePreview preview;
  // No other step may need it.
  if (epoch_source) preview.remote_steps.push_back(*epoch_source);
  for (const v1::StagePlan& stage : plan.stages()) {
    for (const v1::Step& step : stage.steps()) Add(step, &preview);
  }
  return preview;
}

}  // namespace crossmill::coordinator::buildkit
