#include "common/plan/epoch_source.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/plan/image_config.h"
#include "common/plan/stage_evaluator.h"

namespace crossmill::plan {
namespace {

constexpr std::string_view kArgument = "SOURCE_DATE_EPOCH";

bool IsNumber(const std::string& text) {
  int64_t value = 0;
  return absl::SimpleAtoi(text, &value);
}

// The stage that the name means, unless a named context has it.
std::optional<size_t> EpochStage(const RecipeReading& read, const std::string& name) {
  if (name == "context" || read.contexts->Find(name, read.views.front().target) != nullptr) {
    return std::nullopt;
  }
  return read.outline.FindStage(name, read.outline.stages.size());
}

// The one step of the stage that adds something from elsewhere. A stage that does anything else has no time
// that is known before it is executed.
absl::StatusOr<v1::Step> SourceStep(const RecipeReading& read, const PlanOptions& options, size_t index) {
  const dockerfile::Stage& stage = read.outline.stages[index];
  const PlatformView& view = read.views.front();
  const auto unusable = [&](const dockerfile::Instruction& instruction) {
    return dockerfile::RecipeError(
        instruction.PlaceOf(read.outline.document.file, 0),
        fmt::format("SOURCE_DATE_EPOCH names stage '{}', whose time is not known; expected FROM scratch and "
                    "one ADD of a URL or git repository, and at most ARG besides",
                    stage.name));
  };
  if (view.bases[index].kind != StageBase::kScratch) return unusable(*stage.from);
  BuildFacts facts;
  facts.outline = &read.outline;
  facts.options = &options;
  facts.build_arguments = read.given;
  StageState state = StateFromConfig(EmptyImageConfig(view.bases[index].platform));
  StageEvaluator evaluator(facts, view, index, 2, state, [](const CopyOrigin&) {
    return absl::StatusOr<uint32_t>(absl::InternalError("ADD takes nothing from a stage"));
  });
  for (const dockerfile::Instruction* instruction : stage.body) {
    const bool allowed = instruction->keyword() == dockerfile::Keyword::kArg ||
                         instruction->keyword() == dockerfile::Keyword::kAdd;
    if (!allowed) return unusable(*instruction);
    RETURN_IF_ERROR(evaluator.Evaluate(*instruction));
  }
  std::optional<v1::Step> found;
  for (v1::Step& step : evaluator.TakeSteps()) {
    if (!step.has_copy()) continue;
    const bool remote = step.copy().sources_size() == 1 &&
                        (step.copy().sources(0).has_remote_file() || step.copy().sources(0).has_remote_git());
    if (found || !remote) return unusable(*stage.from);
    found = std::move(step);
  }
  if (!found) return unusable(*stage.from);
  return *std::move(found);
}

void Replace(const std::optional<int64_t>& time, dockerfile::Variables& variables) {
  const auto found = variables.find(kArgument);
  if (found == variables.end()) return;
  if (time) {
    found->second = std::to_string(*time);
  } else {
    variables.erase(found);
  }
}

}  // namespace

std::string EpochArgument(const RecipeReading& read) {
  if (const auto given = read.given.find(kArgument); given != read.given.end()) return given->second;
  const dockerfile::Variables& globals = read.views.front().globals;
  const auto global = globals.find(kArgument);
  return global == globals.end() ? "" : global->second;
}

absl::Status BadEpoch(const RecipeReading& read, const std::string& value) {
  // Where the file says it, if it does.
  dockerfile::Place place{read.outline.document.file, 1, 1};
  for (const dockerfile::Instruction* instruction : read.outline.global_args) {
    for (const dockerfile::Pair& pair : instruction->pairs) {
      if (pair.name == kArgument) place = instruction->PlaceOf(place.file, pair.offset);
    }
  }
  std::vector<std::string> names = read.outline.StageNames(read.outline.stages.size());
  for (std::string& name : read.contexts->Names()) names.push_back(std::move(name));
  names.emplace_back("context");
  return dockerfile::RecipeError(
      place,
      fmt::format("SOURCE_DATE_EPOCH has the value '{}'; expected seconds since 1970, context, a build "
                  "context or a stage{}",
                  value, dockerfile::DidYouMean(value, names)));
}

absl::Status ResolveEpoch(const v1::Recipe& recipe, const PlanOptions& options, RecipeReading& read) {
  const std::string name = EpochArgument(read);
  if (name.empty() || IsNumber(name)) return absl::OkStatus();
  std::optional<int64_t> time;
  if (name == "context") {
    if (recipe.has_context_time()) time = recipe.context_time();
  } else if (const v1::NamedContext* context = read.contexts->Find(name, read.views.front().target)) {
    if (context->has_time()) time = context->time();
  } else if (const std::optional<size_t> stage = EpochStage(read, name)) {
    RETURN_IF_ERROR(SourceStep(read, options, *stage).status());
    time = options.epoch_stage_time;
  } else {
    return BadEpoch(read, name);
  }
  Replace(time, read.given);
  for (PlatformView& view : read.views) Replace(time, view.globals);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<v1::Step>> FindEpochSource(const v1::Recipe& recipe,
                                                        const PlanOptions& options) {
  ASSIGN_OR_RETURN(const RecipeReading read, ReadStages(recipe, options));
  const std::string name = EpochArgument(read);
  if (name.empty() || IsNumber(name)) return std::optional<v1::Step>();
  const std::optional<size_t> stage = EpochStage(read, name);
  if (!stage) return std::optional<v1::Step>();
  ASSIGN_OR_RETURN(v1::Step step, SourceStep(read, options, *stage));
  return std::optional<v1::Step>(std::move(step));
}

}  // namespace crossmill::plan
