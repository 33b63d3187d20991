#include "coordinator/verification/recipe_history.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/core/build_history.h"
#include "coordinator/core/recipe_identity.h"
#include "coordinator/verification/given_changes.h"

namespace crossmill::coordinator {
namespace {

constexpr int kDefaultRows = 50;
constexpr int kMostRows = 1000;
// Recipes of one name, and regressions that are explained.
constexpr int kMostRecipes = 20;
constexpr int kMostExplained = 20;
constexpr int kMostSteps = 20;
constexpr int kMostCounted = 1000;

// Steps that differ in what reaches the image, or failed in some executions; of a rebuild those that differ
// from then. Without paths: crossmill diff has them.
void AddSteps(const v1::CellView& cell, v1::Regression* regression) {
  const bool against_then = cell.rebuild().result() == v1::RebuildComparison::RESULT_DIFFERENT;
  const v1::CellComparison& comparison = against_then ? cell.rebuild().comparison() : cell.comparison();
  for (const v1::StepComparison& step : comparison.steps()) {
    if (step.agrees() || regression->steps_size() == kMostSteps) continue;
    const bool failed = std::any_of(step.witnesses().begin(), step.witnesses().end(),
                                    [](const v1::Witness& witness) { return !witness.failure().empty(); });
    if (!step.reaches_image() && !failed) continue;
    v1::StepComparison& shown = *regression->add_steps() = step;
    shown.clear_differences();
    for (v1::CauseGroup& group : *shown.mutable_causes()) {
      // One path stands for all.
      while (group.paths_size() > 1) group.mutable_paths()->RemoveLast();
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> RecipeHistory::RecipesOf(const core::Scope& scope,
                                                                  const v1::BuildHistoryRequest& request) {
  if (request.name().empty()) {
    ASSIGN_OR_RETURN(const int64_t build, reader_.walls().Find(scope, request.build_id()));
    ASSIGN_OR_RETURN(const v1::BuildSubmission submission, reader_.Submission(build));
    const std::string recipe = core::IdentifyRecipe(submission).recipe;
    if (recipe.empty()) {
      return absl::NotFoundError(
          "the build has neither an image name (-t) nor a context that came from somewhere: nothing tells "
          "which "
          "other builds are of its recipe");
    }
    return std::vector<std::string>{recipe};
  }
  // To the letter first: in a URL or folder is no tag to be cut off.
  ASSIGN_OR_RETURN(std::vector<std::string> recipes,
                   history_.Recipes(request.name(), kMostRecipes + 1, scope));
  if (recipes.empty()) {
    ASSIGN_OR_RETURN(recipes, history_.Recipes(core::HistoryName(request.name()), kMostRecipes + 1, scope));
  }
  if (recipes.empty()) {
    return absl::NotFoundError(
        fmt::format("no build that has ended is of '{}': expected an image name (as -t gave it), the folder "
                    "or address of a "
                    "context, or a build's number (`crossmill ls` lists builds)",
                    request.name()));
  }
  return recipes;
}

absl::StatusOr<v1::BuildHistoryResponse> RecipeHistory::List(const core::Scope& scope,
                                                             const v1::BuildHistoryRequest& request) {
  if (request.limit() < 0) return absl::InvalidArgumentError("limit is negative");
  const int limit = request.limit() == 0 ? kDefaultRows : std::min(request.limit(), kMostRows);
  v1::BuildHistoryResponse response;
  ASSIGN_OR_RETURN(std::vector<std::string> recipes, RecipesOf(scope, request));
  response.set_more_recipes(recipes.size() > kMostRecipes);
  recipes.resize(std::min<size_t>(recipes.size(), kMostRecipes));
  std::vector<v1::BuildHistoryRow> rows;
  for (const std::string& recipe : recipes) {
    std::vector<std::string> platforms;
    if (request.has_platform()) {
      platforms = {FormatPlatform(request.platform())};
    } else {
      ASSIGN_OR_RETURN(platforms, history_.Platforms(recipe));
    }
    for (const std::string& platform : platforms) {
      ASSIGN_OR_RETURN(std::vector<v1::BuildHistoryRow> some, history_.Rows(recipe, platform, limit + 1));
      std::move(some.begin(), some.end(), std::back_inserter(rows));
      ASSIGN_OR_RETURN(std::optional<v1::Regression> regression, FindRegression(recipe, platform));
      if (!regression) continue;
      if (response.regressions_size() < kMostExplained) {
        RETURN_IF_ERROR(Explain(platform, &*regression));
      } else {
        regression->set_changes_problem("only the first regressions are explained: ask for one platform");
      }
      *response.add_regressions() = *std::move(regression);
    }
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& left, const auto& right) { return left.build_id() > right.build_id(); });
  response.set_more(rows.size() > static_cast<size_t>(limit));
  rows.resize(std::min(rows.size(), static_cast<size_t>(limit)));
  for (v1::VerdictCounts& counts : core::CountVerdicts(rows)) *response.add_counts() = std::move(counts);
  for (v1::BuildHistoryRow& row : rows) *response.add_rows() = std::move(row);
  return response;
}

// The last time that it went bad: the newest bad build, the last good one before that, and the first bad one
// after it.
absl::StatusOr<std::optional<v1::Regression>> RecipeHistory::FindRegression(const std::string& recipe,
                                                                            const std::string& platform) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> newest_bad,
                   history_.Newest(recipe, platform, v1::STANDING_BAD, {}));
  if (!newest_bad) return std::optional<v1::Regression>();
  ASSIGN_OR_RETURN(const std::optional<int64_t> last_good,
                   history_.Newest(recipe, platform, v1::STANDING_GOOD, {.before = *newest_bad}));
  ASSIGN_OR_RETURN(const std::optional<int64_t> first_bad,
                   history_.Oldest(recipe, platform, v1::STANDING_BAD, {.after = last_good.value_or(0)}));
  ASSIGN_OR_RETURN(const std::optional<int64_t> good_again,
                   history_.Oldest(recipe, platform, v1::STANDING_GOOD, {.after = *newest_bad}));
  v1::Regression regression;
  regression.set_recipe(recipe);
  ASSIGN_OR_RETURN(*regression.mutable_platform(), ParsePlatform(platform));
  regression.set_last_good(last_good.value_or(0));
  regression.set_first_bad(first_bad.value_or(*newest_bad));
  regression.set_good_again(good_again.value_or(0));
  ASSIGN_OR_RETURN(const int64_t undecided,
                   history_.Count(recipe, platform, v1::STANDING_UNKNOWN,
                                  {regression.last_good(), regression.first_bad()}, kMostCounted));
  regression.set_undecided_between(static_cast<uint32_t>(undecided));
  return regression;
}

absl::Status RecipeHistory::Explain(const std::string& platform, v1::Regression* regression) {
  ASSIGN_OR_RETURN(const v1::BuildView now, committed_->LoadView(regression->first_bad()));
  ASSIGN_OR_RETURN(const v1::BuildSubmission now_submission,
                   committed_->LoadSubmission(regression->first_bad()));
  const v1::CellView* now_cell = FindCell(now, platform);
  if (now_cell == nullptr)
    return absl::DataLossError(fmt::format("build {} has no cell of {} on record", now.id(), platform));
  const v1::BuildHistoryRow row = core::HistoryRowOf(now_submission, now, *now_cell);
  regression->set_verdict(row.verdict());
  regression->set_reason(row.reason());
  AddSteps(*now_cell, regression);
  if (regression->last_good() == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const v1::BuildView before, committed_->LoadView(regression->last_good()));
  ASSIGN_OR_RETURN(const v1::BuildSubmission submission, committed_->LoadSubmission(regression->last_good()));
  const v1::CellView* cell = FindCell(before, platform);
  if (cell == nullptr)
    return absl::DataLossError(fmt::format("build {} has no cell of {} on record", before.id(), platform));
  ASSIGN_OR_RETURN(
      *regression->mutable_changes(),
      ChangesOfGiven({submission, before, *cell}, {now_submission, now, *now_cell}, reader_, blobs_));
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
