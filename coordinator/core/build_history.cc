#include "coordinator/core/build_history.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/words/platform.h"
#include "coordinator/core/recipe_identity.h"

namespace crossmill::core {
namespace {

constexpr int kMostHostNames = 16;

void AddHostNames(const v1::CellComparison& comparison, v1::BuildHistoryRow* row) {
  std::set<std::string> names;
  for (const v1::StepComparison& step : comparison.steps()) {
    for (const v1::Witness& witness : step.witnesses()) {
      if (!witness.host_name().empty()) names.insert(witness.host_name());
    }
  }
  for (const std::string& name : names) {
    if (row->host_names_size() == kMostHostNames) return;
    row->add_host_names(name);
  }
}

bool HasVerdict(const v1::CellView& cell, v1::Verdict verdict) {
  return cell.comparison().verdict() == verdict;
}

}  // namespace

v1::Standing StandingOf(const v1::CellView& cell) {
  if (cell.status() == v1::BUILD_STATUS_FAILED || HasVerdict(cell, v1::VERDICT_UNREPRODUCIBLE) ||
      HasVerdict(cell, v1::VERDICT_FLAKY) || HasVerdict(cell, v1::VERDICT_FAILED)) {
    return v1::STANDING_BAD;
  }
  if (cell.status() != v1::BUILD_STATUS_SUCCEEDED) return v1::STANDING_UNKNOWN;
  if (cell.has_rebuild()) {
    const v1::RebuildComparison& rebuild = cell.rebuild();
    if (rebuild.result() == v1::RebuildComparison::RESULT_DIFFERENT) {
      return rebuild.comparison().verdict() == v1::VERDICT_INPUT_DRIFT ? v1::STANDING_UNKNOWN
                                                                       : v1::STANDING_BAD;
    }
    if (rebuild.result() != v1::RebuildComparison::RESULT_EQUAL) return v1::STANDING_UNKNOWN;
  }
  return HasVerdict(cell, v1::VERDICT_REPRODUCIBLE) ? v1::STANDING_GOOD : v1::STANDING_UNKNOWN;
}

v1::BuildHistoryRow HistoryRowOf(const v1::BuildSubmission& submission, const v1::BuildView& view,
                                 const v1::CellView& cell) {
  const RecipeIdentity identity = IdentifyRecipe(submission);
  const v1::CellComparison& comparison = cell.comparison();
  v1::BuildHistoryRow row;
  row.set_build_id(view.id());
  row.set_recipe(identity.recipe);
  row.set_arguments(identity.arguments);
  row.set_label(identity.label);
  *row.mutable_platform() = cell.platform();
  row.set_submitted_at(view.created_at());
  row.set_finished_at(view.finished_at());
  row.set_status(cell.status());
  row.set_verdict(comparison.verdict() == v1::VERDICT_UNSPECIFIED ? v1::VERDICT_UNVERIFIED
                                                                  : comparison.verdict());
  row.set_level(comparison.level());
  row.set_hosts(comparison.hosts());
  row.set_executions(comparison.executions());
  row.set_same_host(comparison.same_host());
  AddHostNames(comparison, &row);
  row.set_image_digest(cell.image_digest());
  row.set_index_digest(view.index_digest());
  row.set_emulated(cell.emulated());
  row.set_standing(StandingOf(cell));
  row.set_reason(!cell.message().empty() ? cell.message() : comparison.reason());
  if (view.has_rebuild()) {
    row.set_rebuild_of(view.rebuild().build());
    row.set_rebuild_result(cell.rebuild().result());
    if (cell.rebuild().result() != v1::RebuildComparison::RESULT_EQUAL && cell.message().empty())
      row.set_reason(cell.rebuild().reason());
  }
  return row;
}

std::string HistoryName(std::string_view name) {
  name = name.substr(0, name.find('@'));
  const size_t slash = name.rfind('/');
  const size_t colon = name.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash))
    name = name.substr(0, colon);
  for (const std::string_view prefix : {"docker.io/library/", "docker.io/"}) {
    if (name.starts_with(prefix)) return std::string(name.substr(prefix.size()));
  }
  return std::string(name);
}

std::vector<std::string> HistoryNames(const v1::BuildSubmission& submission) {
  if (IdentifyRecipe(submission).recipe.empty()) return {};
  std::set<std::string> names;
  for (const std::string& tag : submission.options().tags()) names.insert(HistoryName(tag));
  if (names.empty()) {
    const std::string& origin = submission.recipe().context_origin();
    names.insert(origin);
    const size_t slash = origin.find_last_not_of('/') == std::string::npos
                             ? std::string::npos
                             : origin.rfind('/', origin.find_last_not_of('/'));
    if (slash != std::string::npos) {
      std::string last = origin.substr(slash + 1);
      while (last.ends_with('/')) last.pop_back();
      names.insert(last);
    }
  }
  names.erase("");
  return {names.begin(), names.end()};
}

bool IsReverifiable(const v1::BuildSubmission& submission, const v1::BuildView& view) {
  if (submission.has_rebuild() || submission.has_wheels() || view.cells().empty()) return false;
  if (view.status() != v1::BUILD_STATUS_SUCCEEDED || view.index_digest().empty()) return false;
  if (submission.options().secret_ids_size() > 0 || submission.options().ssh_ids_size() > 0) return false;
  return std::all_of(view.cells().begin(), view.cells().end(),
                     [](const v1::CellView& cell) { return StandingOf(cell) == v1::STANDING_GOOD; });
}

bool IsVerification(const v1::BuildView& rebuild) {
  return rebuild.has_rebuild() &&
         (rebuild.status() == v1::BUILD_STATUS_SUCCEEDED || rebuild.status() == v1::BUILD_STATUS_FAILED);
}

std::vector<v1::VerdictCounts> CountVerdicts(absl::Span<const v1::BuildHistoryRow> rows) {
  std::vector<v1::VerdictCounts> all;
  for (const v1::BuildHistoryRow& row : rows) {
    auto found = std::find_if(all.begin(), all.end(), [&](const v1::VerdictCounts& counts) {
      return counts.recipe() == row.recipe() && SamePlatform(counts.platform(), row.platform());
    });
    if (found == all.end()) {
      found = all.emplace(all.end());
      found->set_recipe(row.recipe());
      *found->mutable_platform() = row.platform();
    }
    found->set_builds(found->builds() + 1);
    switch (row.verdict()) {
      case v1::VERDICT_REPRODUCIBLE:
        found->set_reproducible(found->reproducible() + 1);
        break;
      case v1::VERDICT_UNREPRODUCIBLE:
        found->set_unreproducible(found->unreproducible() + 1);
        break;
      case v1::VERDICT_INPUT_DRIFT:
        found->set_input_drift(found->input_drift() + 1);
        break;
      case v1::VERDICT_FLAKY:
        found->set_flaky(found->flaky() + 1);
        break;
      case v1::VERDICT_FAILED:
        found->set_failed(found->failed() + 1);
        break;
      default:
        continue;
    }
    found->set_judged(found->judged() + 1);
  }
  return all;
}

}  // namespace crossmill::core
