#include "common/plan/recipe_reading.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/plan/epoch_source.h"
#include "common/plan/image_config.h"
#include "common/words/platform.h"

namespace crossmill::plan {
namespace {

// Units of effort for an instruction that is looked through for what it needs.
constexpr size_t kLook = 500;
// What a trigger takes besides its text.
constexpr size_t kTriggerBytes = 300;
// With more bases than this a name that is not found gets no suggestion: each is compared with every stage's.
constexpr size_t kMostSuggestions = 100;

std::string FileName(const v1::Recipe& recipe) {
  return recipe.dockerfile_name().empty() ? "Dockerfile" : recipe.dockerfile_name();
}

// Finds out, round by round, what triggers of known bases add to reachable stages and needed bases.
class NeedFinder {
 public:
  NeedFinder(RecipeReading& read, absl::Span<const v1::PinnedImage> known, pattern::Effort* effort)
      : read_(read), known_(known), effort_(effort) {}

  absl::Status Find() {
    size_t usable = 0;
    while (true) {
      RETURN_IF_ERROR(Round(usable));
      // Nothing new, or the new ones' configs are not known yet.
      if (read_.needs.size() == usable || read_.needs.size() > known_.size()) return absl::OkStatus();
      usable = read_.needs.size();
    }
  }

 private:
  absl::Status Round(size_t usable) {
    triggers_.resize(usable);
    for (size_t v = 0; v < read_.views.size(); ++v) {
      PlatformView& view = read_.views[v];
      ASSIGN_OR_RETURN(read_.reachable[v], Reachable(view, usable));
      for (const dockerfile::Stage& stage : read_.outline.stages) {
        if (read_.reachable[v][stage.index]) RETURN_IF_ERROR(AddNeeds(view, stage));
      }
    }
    return absl::OkStatus();
  }

  // Triggers may reach further stages, which may have triggers of their own.
  absl::StatusOr<std::vector<bool>> Reachable(PlatformView& view, size_t usable) {
    while (true) {
      RETURN_IF_ERROR(Spend(effort_, read_.outline.document.instructions.size(), kLook));
      ASSIGN_OR_RETURN(std::vector<bool> reachable, ReachableStages(read_.outline, view, read_.target));
      bool added = false;
      for (const dockerfile::Stage& stage : read_.outline.stages) {
        if (!reachable[stage.index] || !view.triggers[stage.index].empty()) continue;
        ASSIGN_OR_RETURN(const std::vector<std::string> texts, TriggersOf(view, stage, usable));
        if (texts.empty()) continue;
        // Each stage has its own of them.
        for (const std::string& text : texts)
          RETURN_IF_ERROR(Spend(effort_, text.size() + kTriggerBytes, pattern::Effort::kKeptByte));
        ASSIGN_OR_RETURN(view.triggers[stage.index], ReadTriggers(read_.outline, stage, texts));
        added = true;
      }
      if (!added) return reachable;
    }
  }

  absl::StatusOr<std::vector<std::string>> TriggersOf(const PlatformView& view,
                                                      const dockerfile::Stage& stage, size_t usable) {
    const StageBase& base = view.bases[stage.index];
    std::vector<std::string> texts;
    if (base.replaced) return texts;
    if (base.kind == StageBase::kStage && !view.bases[base.stage].replaced) {
      for (const dockerfile::Instruction* instruction : read_.outline.stages[base.stage].body) {
        if (instruction->keyword() == dockerfile::Keyword::kOnbuild)
          texts.push_back(instruction->words[0].text);
      }
    }
    if (base.kind != StageBase::kImage) return texts;
    const auto found = index_.find(KeyOf(base.image, base.platform));
    if (found == index_.end() || found->second >= usable) return texts;
    std::optional<std::vector<std::string>>& cached = triggers_[found->second];
    if (!cached) {
      absl::StatusOr<ImageConfig> config = ParseImageConfig(known_[found->second].config(), base.platform);
      if (!config.ok()) {
        return Annotate(config.status(), fmt::format("base image {}", base.image.reference));
      }
      cached = std::move(config->on_build);
    }
    return *cached;
  }

  absl::Status AddNeeds(const PlatformView& view, const dockerfile::Stage& stage) {
    const StageBase& base = view.bases[stage.index];
    if (base.kind == StageBase::kImage) Need(base.image, base.platform, *stage.from, stage.index);
    for (const dockerfile::Instruction* instruction : BodyOf(read_.outline, view, stage.index)) {
      ASSIGN_OR_RETURN(const std::vector<CopyOrigin> origins,
                       OriginsOf(read_.outline, *view.contexts, view.target, stage.index, *instruction));
      for (const CopyOrigin& origin : origins) {
        if (origin.kind == CopyOrigin::kImage) Need(origin.image, view.target, *instruction, stage.index);
      }
    }
    return absl::OkStatus();
  }

  void Need(const ImageName& image, const v1::Platform& platform, const dockerfile::Instruction& instruction,
            size_t stage) {
    if (!index_.emplace(KeyOf(image, platform), read_.needs.size()).second) return;
    std::vector<std::string> names;
    if (read_.needs.size() < kMostSuggestions) {
      names = read_.outline.StageNames(stage);
      for (std::string& name : read_.contexts->Names()) names.push_back(std::move(name));
    }
    read_.keys.push_back(KeyOf(image, platform));
    read_.needs.push_back({image.reference, platform, dockerfile::RangeOf(read_.outline, instruction),
                           image.root.empty() ? dockerfile::DidYouMean(image.reference, names) : "",
                           image.root});
  }

  RecipeReading& read_;
  const absl::Span<const v1::PinnedImage> known_;
  pattern::Effort* const effort_;
  std::map<BaseKey, size_t> index_;
  // By need: what its config says.
  std::vector<std::optional<std::vector<std::string>>> triggers_;
};

absl::StatusOr<std::set<size_t>> UncachedStages(const dockerfile::Outline& outline,
                                                const std::vector<std::string>& names) {
  std::set<size_t> uncached;
  for (const std::string& name : names) {
    // A name that several stages have means all of them.
    const auto named = outline.stages_by_name.find(absl::AsciiStrToLower(name));
    if (named != outline.stages_by_name.end()) uncached.insert(named->second.begin(), named->second.end());
    const std::optional<size_t> stage = outline.FindStageByAnyName(name);
    if (!stage) return dockerfile::UnknownStage(outline, "stage", name, " (--no-cache-filter)");
    uncached.insert(*stage);
  }
  return uncached;
}

}  // namespace

BaseKey KeyOf(const ImageName& image, const v1::Platform& platform) {
  return {image.root.empty() ? image.reference : image.root.Oci(), FormatPlatform(platform)};
}

absl::StatusOr<RecipeReading> ReadStages(const v1::Recipe& recipe, const PlanOptions& options) {
  RecipeReading read;
  RETURN_IF_ERROR(CheckBeforeReading(recipe, options.platforms.size(), options.limits));
  ASSIGN_OR_RETURN(read.outline, dockerfile::ReadOutline(FileName(recipe), recipe.dockerfile()));
  RETURN_IF_ERROR(CheckOutline(read.outline, options.limits));
  ASSIGN_OR_RETURN(NamedContexts contexts, NamedContexts::Read(recipe));
  read.contexts = std::make_unique<const NamedContexts>(std::move(contexts));
  read.given = GivenArguments(recipe, options.source_date_epoch);
  ASSIGN_OR_RETURN(read.target, dockerfile::FindTarget(read.outline, recipe.target()));
  ASSIGN_OR_RETURN(read.uncached, UncachedStages(read.outline, options.no_cache_stages));
  if (options.platforms.empty()) return absl::InvalidArgumentError("no platform; expected at least one");
  for (const v1::Platform& platform : options.platforms) {
    const bool repeated = std::any_of(read.views.begin(), read.views.end(), [&](const PlatformView& view) {
      return SamePlatform(view.target, platform);
    });
    if (repeated) continue;
    ASSIGN_OR_RETURN(PlatformView view, ViewFor(read.outline, *read.contexts, read.given, recipe.target(),
                                                platform, options.build_platform, options.effort));
    // Mistakes in stages that nobody needs are told too.
    for (const dockerfile::Stage& stage : read.outline.stages) {
      for (const dockerfile::Instruction* instruction : stage.body) {
        RETURN_IF_ERROR(
            OriginsOf(read.outline, *read.contexts, platform, stage.index, *instruction).status());
      }
    }
    read.views.push_back(std::move(view));
  }
  return read;
}

absl::StatusOr<RecipeReading> ReadRecipe(const v1::Recipe& recipe, const PlanOptions& options,
                                         absl::Span<const v1::PinnedImage> known) {
  ASSIGN_OR_RETURN(RecipeReading read, ReadStages(recipe, options));
  RETURN_IF_ERROR(ResolveEpoch(recipe, options, read));
  read.reachable.resize(read.views.size());
  RETURN_IF_ERROR(NeedFinder(read, known, options.effort).Find());
  return read;
}

}  // namespace crossmill::plan
