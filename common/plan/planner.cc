#include "common/plan/planner.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/plan/outline.h"
#include "common/plan/platform.h"
#include "common/plan/stage_evaluator.h"

namespace crossmill::plan {
namespace {

std::string FileName(const v1::Recipe& recipe) {
  return recipe.dockerfile_name().empty() ? "Dockerfile" : recipe.dockerfile_name();
}

// What FindBases and MakePlan both start from.
struct ReadRecipe {
  Outline outline;
  size_t target = 0;
  // One per wanted platform, in order, each once.
  std::vector<PlatformView> views;
  // Parallel: reachable stages.
  std::vector<std::vector<bool>> reachable;
};

absl::StatusOr<ReadRecipe> Read(const v1::Recipe& recipe, const PlanOptions& options) {
  ReadRecipe read;
  ASSIGN_OR_RETURN(read.outline, ReadOutline(FileName(recipe), recipe.dockerfile()));
  ASSIGN_OR_RETURN(read.target, FindTarget(read.outline, recipe.target()));
  if (options.platforms.empty()) return absl::InvalidArgumentError("no platform; expected at least one");
  for (const v1::Platform& platform : options.platforms) {
    const bool repeated = std::any_of(read.views.begin(), read.views.end(), [&](const PlatformView& view) {
      return SamePlatform(view.target, platform);
    });
    if (repeated) continue;
    ASSIGN_OR_RETURN(PlatformView view, ViewFor(read.outline, recipe, platform, options.build_platform));
    ASSIGN_OR_RETURN(std::vector<bool> reachable, ReachableStages(read.outline, view, read.target));
    read.views.push_back(std::move(view));
    read.reachable.push_back(std::move(reachable));
  }
  return read;
}

using BaseKey = std::pair<std::string, std::string>;  // reference, platform
BaseKey KeyOf(const std::string& reference, const v1::Platform& platform) {
  return {reference, FormatPlatform(platform)};
}

std::vector<BaseNeed> BasesOf(const ReadRecipe& read) {
  std::vector<BaseNeed> needs;
  std::set<BaseKey> known;
  const auto need = [&](const std::string& reference, const v1::Platform& platform,
                        const Instruction& instruction, size_t stage) {
    if (reference == "scratch" || !known.insert(KeyOf(reference, platform)).second) return;
    needs.push_back({reference, platform, RangeOf(read.outline, instruction),
                     DidYouMean(reference, read.outline.StageNames(stage))});
  };
  for (size_t v = 0; v < read.views.size(); ++v) {
    for (const Stage& stage : read.outline.stages) {
      if (!read.reachable[v][stage.index]) continue;
      const StageBase& base = read.views[v].bases[stage.index];
      if (base.kind == StageBase::kImage) need(base.reference, base.platform, *stage.from, stage.index);
      for (const Instruction* instruction : stage.body) {
        const absl::StatusOr<CopyOrigin> origin = FindOrigin(read.outline, stage.index, *instruction);
        if (origin.ok() && origin->kind == CopyOrigin::kImage) {
          need(origin->reference, read.views[v].target, *instruction, stage.index);
        }
      }
    }
  }
  return needs;
}

bool SameExport(const v1::Export& left, const v1::Export& right) {
  return left.SerializeAsString() == right.SerializeAsString();
}

class Planner {
 public:
  Planner(const v1::Recipe& recipe, const PlanOptions& options, const ReadRecipe& read,
          absl::Span<const v1::PinnedImage> bases)
      : recipe_(recipe), options_(options), read_(read), bases_(bases) {}

  absl::StatusOr<v1::BuildPlan> Make();

 private:
  struct PlannedStage {
    uint32_t index;
    StageState state;
  };

  absl::Status MatchBases();
  absl::Status ChooseEpoch();
  // The stage as wanted platform `view` sees it; what it needs is planned first.
  absl::StatusOr<const PlannedStage*> PlanStage(size_t view, size_t stage);
  absl::StatusOr<StageState> Begin(size_t view, const Stage& stage, v1::StagePlan& plan,
                                   std::vector<std::string>& triggers);
  absl::StatusOr<uint32_t> FindSource(size_t view, const Instruction& instruction, const CopyOrigin& origin);
  absl::StatusOr<uint32_t> PlanImage(const std::string& reference, const v1::Platform& platform,
                                     const Instruction& instruction);
  absl::StatusOr<uint32_t> FindBase(const std::string& reference, const v1::Platform& platform,
                                    const Instruction& instruction) const;
  // Index of an equal stage, else of this one, added.
  uint32_t AddStage(v1::StagePlan plan);
  void AddExports(const v1::StagePlan& consumer);
  void WarnUnused();

  const v1::Recipe& recipe_;
  const PlanOptions& options_;
  const ReadRecipe& read_;
  const absl::Span<const v1::PinnedImage> bases_;
  BuildFacts facts_;
  std::map<BaseKey, uint32_t> base_index_;
  std::map<std::pair<size_t, size_t>, PlannedStage> planned_;  // by view and stage
  std::map<std::string, uint32_t> by_content_;
  v1::BuildPlan plan_;
};

absl::StatusOr<v1::BuildPlan> Planner::Make() {
  facts_.outline = &read_.outline;
  facts_.options = &options_;
  for (const v1::BuildArgument& argument : recipe_.build_arguments()) {
    facts_.build_arguments[argument.name()] = argument.value();
  }
  RETURN_IF_ERROR(MatchBases());
  RETURN_IF_ERROR(ChooseEpoch());
  for (size_t view = 0; view < read_.views.size(); ++view) {
    // In order of the file, so that what a stage needs is there already and nothing recurses deeply.
    for (const Stage& stage : read_.outline.stages) {
      if (read_.reachable[view][stage.index]) RETURN_IF_ERROR(PlanStage(view, stage.index).status());
    }
    v1::CellPlan& cell = *plan_.add_cells();
    *cell.mutable_platform() = read_.views[view].target;
    cell.set_target_stage(planned_.at({view, read_.target}).index);
  }
  for (const std::string& warning : read_.outline.document.warnings) plan_.add_warnings(warning);
  WarnUnused();
  return std::move(plan_);
}

absl::Status Planner::MatchBases() {
  const std::vector<BaseNeed> needs = BasesOf(read_);
  if (needs.size() != bases_.size()) {
    return absl::FailedPreconditionError(
        fmt::format("the recipe needs {} base images, {} are given", needs.size(), bases_.size()));
  }
  for (size_t i = 0; i < needs.size(); ++i) {
    base_index_[KeyOf(needs[i].reference, needs[i].platform)] = static_cast<uint32_t>(i);
    *plan_.add_bases() = bases_[i];
  }
  return absl::OkStatus();
}

absl::Status Planner::ChooseEpoch() {
  std::optional<int64_t> epoch = options_.source_date_epoch;
  const auto argument = facts_.build_arguments.find("SOURCE_DATE_EPOCH");
  if (!epoch && !options_.keep_times && argument != facts_.build_arguments.end() &&
      !argument->second.empty()) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(argument->second, &value) || value < 0) {
      return absl::InvalidArgumentError(fmt::format(
          "build argument SOURCE_DATE_EPOCH has the value '{}'; expected seconds since 1970 (other values "
          "are not supported yet)",
          argument->second));
    }
    epoch = value;
  }
  facts_.strict_epoch = epoch.has_value();
  facts_.epoch = kEarliestEpoch;
  if (epoch) {
    facts_.epoch = *epoch;
  } else if (!bases_.empty()) {
    facts_.epoch = 0;
    for (const v1::PinnedImage& base : bases_) facts_.epoch = std::max(facts_.epoch, base.newest_time());
    if (facts_.epoch == 0) facts_.epoch = kEarliestEpoch;
  }
  plan_.set_epoch(facts_.epoch);
  plan_.set_strict_epoch(facts_.strict_epoch);
  plan_.set_keep_times(options_.keep_times);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Planner::FindBase(const std::string& reference, const v1::Platform& platform,
                                           const Instruction& instruction) const {
  const auto found = base_index_.find(KeyOf(reference, platform));
  if (found != base_index_.end()) return found->second;
  return RecipeError(
      instruction.PlaceOf(read_.outline.document.file, 0),
      fmt::format("a trigger (ONBUILD) of the base image needs '{}', which nothing in the Dockerfile "
                  "needs; this is not supported yet",
                  reference));
}

absl::StatusOr<StageState> Planner::Begin(size_t view, const Stage& stage, v1::StagePlan& plan,
                                          std::vector<std::string>& triggers) {
  const StageBase& base = read_.views[view].bases[stage.index];
  if (base.kind == StageBase::kScratch) {
    plan.set_scratch(true);
    return StateFromConfig(EmptyImageConfig(base.platform));
  }
  if (base.kind == StageBase::kStage) {
    ASSIGN_OR_RETURN(const PlannedStage* earlier, PlanStage(view, base.stage));
    plan.set_base_stage(earlier->index);
    triggers = earlier->state.config.on_build;
    return StateFromStage(earlier->state);
  }
  ASSIGN_OR_RETURN(const uint32_t index, FindBase(base.reference, base.platform, *stage.from));
  plan.set_base_image(index);
  absl::StatusOr<ImageConfig> config = ParseImageConfig(bases_[index].config(), base.platform);
  if (!config.ok()) return Annotate(config.status(), fmt::format("base image {}", base.reference));
  triggers = std::move(config->on_build);
  config->on_build.clear();
  return StateFromConfig(*std::move(config));
}

absl::StatusOr<const Planner::PlannedStage*> Planner::PlanStage(size_t view, size_t index) {
  if (const auto found = planned_.find({view, index}); found != planned_.end()) return &found->second;
  const Stage& stage = read_.outline.stages[index];
  const StageBase& base = read_.views[view].bases[index];
  v1::StagePlan plan;
  plan.set_name(stage.Label());
  *plan.mutable_platform() = base.platform;
  *plan.mutable_from_range() = RangeOf(read_.outline, *stage.from);
  plan.set_from_text(base.text);
  std::vector<std::string> triggers;
  ASSIGN_OR_RETURN(StageState state, Begin(view, stage, plan, triggers));
  StageEvaluator evaluator(facts_, read_.views[view], index, state,
                           [&](const Instruction& instruction, const CopyOrigin& origin) {
                             return FindSource(view, instruction, origin);
                           });
  for (const std::string& text : triggers) {
    ASSIGN_OR_RETURN(Instruction trigger,
                     ParseTrigger(stage.from->PlaceOf(read_.outline.document.file, 0), text));
    trigger.last_line = stage.from->last_line;
    RETURN_IF_ERROR(evaluator.Evaluate(trigger));
  }
  for (const Instruction* instruction : stage.body) RETURN_IF_ERROR(evaluator.Evaluate(*instruction));
  for (v1::Step& step : evaluator.TakeSteps()) *plan.add_steps() = std::move(step);
  plan.set_config(WriteImageConfig(state.config));
  const uint32_t plan_index = AddStage(std::move(plan));
  return &planned_.emplace(std::make_pair(view, index), PlannedStage{plan_index, std::move(state)})
              .first->second;
}

absl::StatusOr<uint32_t> Planner::FindSource(size_t view, const Instruction& instruction,
                                             const CopyOrigin& origin) {
  if (origin.kind == CopyOrigin::kImage) {
    return PlanImage(origin.reference, read_.views[view].target, instruction);
  }
  ASSIGN_OR_RETURN(const PlannedStage* stage, PlanStage(view, origin.stage));
  return stage->index;
}

// An image that is only copied from: a stage without steps.
absl::StatusOr<uint32_t> Planner::PlanImage(const std::string& reference, const v1::Platform& platform,
                                            const Instruction& instruction) {
  v1::StagePlan plan;
  plan.set_name(reference);
  *plan.mutable_platform() = platform;
  plan.set_from_text("FROM " + reference);
  if (reference == "scratch") {
    plan.set_scratch(true);
    plan.set_config(WriteImageConfig(EmptyImageConfig(platform)));
    return AddStage(std::move(plan));
  }
  ASSIGN_OR_RETURN(const uint32_t index, FindBase(reference, platform, instruction));
  plan.set_base_image(index);
  absl::StatusOr<ImageConfig> config = ParseImageConfig(bases_[index].config(), platform);
  if (!config.ok()) return Annotate(config.status(), fmt::format("image {}", reference));
  plan.set_config(WriteImageConfig(*config));
  return AddStage(std::move(plan));
}

uint32_t Planner::AddStage(v1::StagePlan plan) {
  const auto [found, added] =
      by_content_.try_emplace(plan.SerializeAsString(), static_cast<uint32_t>(plan_.stages_size()));
  if (added) {
    AddExports(plan);
    *plan_.add_stages() = std::move(plan);
  }
  return found->second;
}

void Planner::AddExports(const v1::StagePlan& consumer) {
  for (const v1::Step& step : consumer.steps()) {
    for (const v1::CopySource& source : step.copy().sources()) {
      if (!source.has_export_()) continue;
      const v1::Export& wanted = source.export_().export_();
      v1::StagePlan& producer = *plan_.mutable_stages(static_cast<int>(source.export_().stage()));
      const bool known =
          std::any_of(producer.exports().begin(), producer.exports().end(),
                      [&](const v1::Export& existing) { return SameExport(existing, wanted); });
      if (!known) *producer.add_exports() = wanted;
    }
  }
}

void Planner::WarnUnused() {
  std::set<std::string> declared;
  for (const Instruction& instruction : read_.outline.document.instructions) {
    if (instruction.keyword() != Keyword::kArg) continue;
    for (const Pair& pair : instruction.pairs) declared.insert(pair.name);
  }
  const std::vector<std::string> names(declared.begin(), declared.end());
  for (const auto& [name, value] : facts_.build_arguments) {
    if (declared.contains(name) || IsProxyArgument(name) || IsPlatformArgument(name) ||
        name.starts_with("BUILDKIT_") || name == "SOURCE_DATE_EPOCH") {
      continue;
    }
    plan_.add_warnings(
        fmt::format("build argument '{}' is not used: no ARG declares it{}", name, DidYouMean(name, names)));
  }
}

}  // namespace

absl::StatusOr<std::vector<BaseNeed>> FindBases(const v1::Recipe& recipe, const PlanOptions& options) {
  ASSIGN_OR_RETURN(const ReadRecipe read, Read(recipe, options));
  return BasesOf(read);
}

absl::StatusOr<v1::BuildPlan> MakePlan(const v1::Recipe& recipe, const PlanOptions& options,
                                       absl::Span<const v1::PinnedImage> bases) {
  ASSIGN_OR_RETURN(const ReadRecipe read, Read(recipe, options));
  return Planner(recipe, options, read, bases).Make();
}

absl::Status CheckSyntax(std::string_view file_name, std::string_view text) {
  return ReadOutline(file_name, text).status();
}

}  // namespace crossmill::plan
