#include "common/plan/planner.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/dockerfile/recipe_error.h"
#include "common/plan/epoch_source.h"
#include "common/plan/recipe_reading.h"
#include "common/plan/stage_evaluator.h"
#include "common/plan/step_sources.h"
#include "common/words/normalize_rules.h"
#include "common/words/platform.h"

namespace crossmill::plan {
namespace {

// Every stage costs some memory, whatever is in it.
constexpr size_t kStageBytes = 2'000;
// With more arguments than this one that is not declared gets no suggestion.
constexpr size_t kMostHinted = 200;

class Planner {
 public:
  Planner(const PlanOptions& options, const RecipeReading& read, absl::Span<const v1::PinnedImage> bases)
      : options_(options), read_(read), bases_(bases) {}

  absl::StatusOr<v1::BuildPlan> Make();

 private:
  struct PlannedStage {
    uint32_t index;
    StageState state;
    // Of its root at the end.
    size_t layers = 0;
  };

  absl::Status MatchBases();
  absl::Status ChooseEpoch();
  // The stage as wanted platform `view` sees it; what it needs is planned first.
  absl::StatusOr<const PlannedStage*> PlanStage(size_t view, size_t stage);
  // Layers of its root at the end; INVALID_ARGUMENT: more than can be mounted.
  absl::StatusOr<size_t> CountLayers(size_t view, size_t stage, const v1::StagePlan& plan) const;
  absl::StatusOr<StageState> Begin(size_t view, const dockerfile::Stage& stage, v1::StagePlan& plan);
  // Everything of a named context's tree in an empty root.
  void AddTree(const dockerfile::Stage& stage, const v1::NamedContext& tree, StageState& state,
               v1::StagePlan& plan);
  absl::StatusOr<uint32_t> FindSource(size_t view, const CopyOrigin& origin);
  absl::StatusOr<uint32_t> PlanImage(const CopyOrigin& origin, const v1::Platform& platform);
  absl::StatusOr<uint32_t> FindBase(const ImageName& image, const v1::Platform& platform) const;
  // Index of an equal stage, else of this one, added.
  uint32_t AddStage(v1::StagePlan plan);
  void AddExports(const v1::StagePlan& consumer);
  void WarnUnused();

  const PlanOptions& options_;
  const RecipeReading& read_;
  const absl::Span<const v1::PinnedImage> bases_;
  BuildFacts facts_;
  std::map<BaseKey, uint32_t> base_index_;
  std::map<std::pair<size_t, size_t>, PlannedStage> planned_;  // by view and stage
  std::map<std::string, uint32_t> by_content_;
  // Of all stages so far, also of those that are one.
  size_t steps_ = 0;
  v1::BuildPlan plan_;
};

// A name that is none would fail in every step, and it goes into lines of /etc/hosts.
absl::Status CheckHostName(const dockerfile::Variables& given) {
  const auto found = given.find("BUILDKIT_SANDBOX_HOSTNAME");
  if (found == given.end()) return absl::OkStatus();
  constexpr size_t kLongest = 64;  // The kernel takes no more.
  const std::string& name = found->second;
  const bool valid =
      name.size() <= kLongest && std::all_of(name.begin(), name.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
      });
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("build argument BUILDKIT_SANDBOX_HOSTNAME has the value '{}'; expected at most {} letters, "
                  "digits, dots and hyphens",
                  name, kLongest));
}

absl::StatusOr<v1::BuildPlan> Planner::Make() {
  facts_.outline = &read_.outline;
  facts_.options = &options_;
  facts_.build_arguments = read_.given;
  RETURN_IF_ERROR(CheckHostName(read_.given));
  RETURN_IF_ERROR(MatchBases());
  RETURN_IF_ERROR(ChooseEpoch());
  for (size_t view = 0; view < read_.views.size(); ++view) {
    // In order of the file, so that what a stage needs is there already and nothing recurses deeply.
    for (const dockerfile::Stage& stage : read_.outline.stages) {
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
  if (read_.needs.size() != bases_.size()) {
    return absl::FailedPreconditionError(
        fmt::format("the recipe needs {} base images, {} are given", read_.needs.size(), bases_.size()));
  }
  for (size_t i = 0; i < read_.keys.size(); ++i) {
    base_index_[read_.keys[i]] = static_cast<uint32_t>(i);
    *plan_.add_bases() = bases_[i];
  }
  return absl::OkStatus();
}

absl::Status Planner::ChooseEpoch() {
  std::optional<int64_t> epoch = options_.source_date_epoch;
  if (const std::string text = EpochArgument(read_); !epoch && !options_.keep_times && !text.empty()) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value) || value < 0) return BadEpoch(read_, text);
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

// Read() has listed every image that a stage can reach.
absl::StatusOr<uint32_t> Planner::FindBase(const ImageName& image, const v1::Platform& platform) const {
  const auto found = base_index_.find(KeyOf(image, platform));
  if (found != base_index_.end()) return found->second;
  return absl::InternalError(fmt::format("base image {} was not asked for", image.reference));
}

absl::StatusOr<StageState> Planner::Begin(size_t view, const dockerfile::Stage& stage, v1::StagePlan& plan) {
  const StageBase& base = read_.views[view].bases[stage.index];
  switch (base.kind) {
    case StageBase::kScratch:
      plan.set_scratch(true);
      return StateFromConfig(EmptyImageConfig(base.platform));
    case StageBase::kTree: {
      plan.set_scratch(true);
      StageState state = StateFromConfig(EmptyImageConfig(base.platform));
      AddTree(stage, *base.tree, state, plan);
      return state;
    }
    case StageBase::kStage: {
      ASSIGN_OR_RETURN(const PlannedStage* earlier, PlanStage(view, base.stage));
      plan.set_base_stage(earlier->index);
      return StateFromStage(earlier->state);
    }
    case StageBase::kImage:
      break;
  }
  ASSIGN_OR_RETURN(const uint32_t index, FindBase(base.image, base.platform));
  plan.set_base_image(index);
  absl::StatusOr<ImageConfig> config = ParseImageConfig(bases_[index].config(), base.platform);
  if (!config.ok()) return Annotate(config.status(), fmt::format("base image {}", base.image.reference));
  config->on_build.clear();
  return StateFromConfig(*std::move(config));
}

void Planner::AddTree(const dockerfile::Stage& stage, const v1::NamedContext& tree, StageState& state,
                      v1::StagePlan& plan) {
  v1::Step& step = *plan.add_steps();
  step.set_number(2);
  step.set_instruction("COPY");
  step.set_text(fmt::format("COPY . / (build context {})", tree.name()));
  *step.mutable_range() = dockerfile::RangeOf(read_.outline, *stage.from);
  v1::CopySource& source = *step.mutable_copy()->add_sources();
  source.set_text(".");
  source.mutable_context_pattern()->set_pattern("/");
  source.mutable_context_pattern()->set_context(tree.name());
  step.mutable_copy()->set_destination("/");
  StampLayer(facts_, state, step);
  state.config.AddHistory(fmt::format("[context {}] load from client", tree.name()), false);
}

absl::StatusOr<const Planner::PlannedStage*> Planner::PlanStage(size_t view, size_t index) {
  if (const auto found = planned_.find({view, index}); found != planned_.end()) return &found->second;
  const dockerfile::Stage& stage = read_.outline.stages[index];
  const StageBase& base = read_.views[view].bases[index];
  v1::StagePlan plan;
  plan.set_name(stage.Label());
  *plan.mutable_platform() = base.platform;
  *plan.mutable_from_range() = dockerfile::RangeOf(read_.outline, *stage.from);
  plan.set_from_text(base.text);
  plan.set_no_cache(read_.uncached.contains(index));
  ASSIGN_OR_RETURN(StageState state, Begin(view, stage, plan));
  // What is copied from the stage or image below.
  RETURN_IF_ERROR(Spend(options_.effort, state.variable_bytes + kStageBytes, pattern::Effort::kKeptByte));
  StageEvaluator evaluator(facts_, read_.views[view], index, static_cast<uint32_t>(plan.steps_size()) + 2,
                           state, [&](const CopyOrigin& origin) { return FindSource(view, origin); });
  for (const dockerfile::Instruction* instruction : BodyOf(read_.outline, read_.views[view], index)) {
    RETURN_IF_ERROR(evaluator.Evaluate(*instruction));
  }
  for (v1::Step& step : evaluator.TakeSteps()) *plan.add_steps() = std::move(step);
  plan.set_config(WriteImageConfig(state.config));
  RETURN_IF_ERROR(Spend(options_.effort, plan.config().size(), pattern::Effort::kKeptByte));
  steps_ += static_cast<size_t>(plan.steps_size());
  if (steps_ > options_.limits.steps) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: more than {} steps of all stages on all platforms, which is what this farm takes in one build",
        read_.outline.document.file, options_.limits.steps));
  }
  ASSIGN_OR_RETURN(const size_t layers, CountLayers(view, index, plan));
  const uint32_t plan_index = AddStage(std::move(plan));
  return &planned_.emplace(std::make_pair(view, index), PlannedStage{plan_index, std::move(state), layers})
              .first->second;
}

absl::StatusOr<size_t> Planner::CountLayers(size_t view, size_t index, const v1::StagePlan& plan) const {
  size_t layers = 0;
  if (plan.base_case() == v1::StagePlan::kBaseImage) {
    layers = static_cast<size_t>(bases_[plan.base_image()].layers_size());
  } else if (plan.base_case() == v1::StagePlan::kBaseStage) {
    layers = planned_.at({view, read_.views[view].bases[index].stage}).layers;
  }
  const size_t below = layers;
  for (const v1::Step& step : plan.steps()) {
    if (step.action_case() == v1::Step::ACTION_NOT_SET || ++layers <= options_.limits.layers) continue;
    return dockerfile::RecipeError(
        {step.range().file(), step.range().first_line(), step.range().column()},
        fmt::format(
            "stage {} has more than {} layers here, {} of them from its base, which is what this farm "
            "takes; expected fewer steps: join RUN instructions, or copy what is needed out of "
            "an earlier stage",
            plan.name(), options_.limits.layers, below));
  }
  return layers;
}

absl::StatusOr<uint32_t> Planner::FindSource(size_t view, const CopyOrigin& origin) {
  if (origin.kind != CopyOrigin::kStage) return PlanImage(origin, read_.views[view].target);
  ASSIGN_OR_RETURN(const PlannedStage* stage, PlanStage(view, origin.stage));
  return stage->index;
}

// An image (or nothing) that is only copied from: a stage without steps.
absl::StatusOr<uint32_t> Planner::PlanImage(const CopyOrigin& origin, const v1::Platform& platform) {
  const std::string name = origin.kind == CopyOrigin::kScratch ? "scratch" : origin.image.reference;
  v1::StagePlan plan;
  plan.set_name(name);
  *plan.mutable_platform() = platform;
  plan.set_from_text("FROM " + name);
  if (origin.kind == CopyOrigin::kScratch) {
    plan.set_scratch(true);
    plan.set_config(WriteImageConfig(EmptyImageConfig(platform)));
    return AddStage(std::move(plan));
  }
  ASSIGN_OR_RETURN(const uint32_t index, FindBase(origin.image, platform));
  plan.set_base_image(index);
  absl::StatusOr<ImageConfig> config = ParseImageConfig(bases_[index].config(), platform);
  if (!config.ok()) return Annotate(config.status(), fmt::format("image {}", name));
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
    for (const v1::CopySource* source : SourcesOf(step)) {
      if (!source->has_export_()) continue;
      const v1::Export& wanted = source->export_().export_();
      v1::StagePlan& producer = *plan_.mutable_stages(static_cast<int>(source->export_().stage()));
      const bool known =
          std::any_of(producer.exports().begin(), producer.exports().end(),
                      [&](const v1::Export& existing) { return SameExport(existing, wanted); });
      if (!known) *producer.add_exports() = wanted;
    }
  }
}

// Docker's own arguments that say something to the client or its cache, not to a build here.
constexpr std::string_view kIgnoredArguments[] = {"BUILDKIT_SYNTAX", "BUILDKIT_INLINE_CACHE",
                                                  "BUILDKIT_MULTI_PLATFORM", "BUILDKIT_SBOM_SCAN_CONTEXT",
                                                  "BUILDKIT_SBOM_SCAN_STAGE"};

void Planner::WarnUnused() {
  std::set<std::string> declared;
  for (const dockerfile::Instruction& instruction : read_.outline.document.instructions) {
    if (instruction.keyword() != dockerfile::Keyword::kArg) continue;
    for (const dockerfile::Pair& pair : instruction.pairs) declared.insert(pair.name);
  }
  // Each unused one is compared with all of them.
  std::vector<std::string> names;
  if (declared.size() <= kMostHinted) names.assign(declared.begin(), declared.end());
  for (const auto& [name, value] : facts_.build_arguments) {
    if (declared.contains(name) || dockerfile::IsProxyArgument(name) ||
        dockerfile::IsPlatformArgument(name) || name == "SOURCE_DATE_EPOCH") {
      continue;
    }
    if (name.starts_with("BUILDKIT_")) {
      if (std::find(std::begin(kIgnoredArguments), std::end(kIgnoredArguments), name) !=
          std::end(kIgnoredArguments)) {
        plan_.add_warnings(fmt::format("build argument '{}' is ignored: it has no meaning here", name));
      }
      continue;
    }
    plan_.add_warnings(fmt::format("build argument '{}' is not used: no ARG declares it{}", name,
                                   dockerfile::DidYouMean(name, names)));
  }
  for (const std::string& warning : read_.contexts->warnings()) plan_.add_warnings(warning);
}

}  // namespace

absl::StatusOr<std::vector<BaseNeed>> FindBases(const v1::Recipe& recipe, const PlanOptions& options,
                                                absl::Span<const v1::PinnedImage> known) {
  ASSIGN_OR_RETURN(RecipeReading read, ReadRecipe(recipe, options, known));
  return std::move(read.needs);
}

absl::StatusOr<v1::BuildPlan> MakePlan(const v1::Recipe& recipe, const PlanOptions& options,
                                       absl::Span<const v1::PinnedImage> bases) {
  RETURN_IF_ERROR(CheckNormalize(options.normalize));
  ASSIGN_OR_RETURN(const RecipeReading read, ReadRecipe(recipe, options, bases));
  return Planner(options, read, bases).Make();
}

absl::Status CheckSyntax(std::string_view file_name, std::string_view text,
                         absl::Span<const std::string> context_names) {
  ASSIGN_OR_RETURN(const dockerfile::Outline outline, dockerfile::ReadOutline(file_name, text));
  // Only the names of the contexts matter here, not what they hold.
  v1::Recipe recipe;
  for (const std::string& name : context_names) {
    recipe.add_contexts()->set_name(name);
    recipe.mutable_contexts()->rbegin()->set_image("scratch");
  }
  ASSIGN_OR_RETURN(const NamedContexts contexts, NamedContexts::Read(recipe));
  ASSIGN_OR_RETURN(const v1::Platform platform, ParsePlatform("linux/amd64"));
  for (const dockerfile::Stage& stage : outline.stages) {
    for (const dockerfile::Instruction* instruction : stage.body) {
      RETURN_IF_ERROR(OriginsOf(outline, contexts, platform, stage.index, *instruction).status());
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill::plan
