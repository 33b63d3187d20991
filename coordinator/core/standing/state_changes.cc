#include "coordinator/core/standing/state_changes.h"

#include <fnmatch.h>

#include <set>

#include "coordinator/core/build_history.h"

namespace crossmill::core {
namespace {

// What the cell of a build that has ended says about the state; unspecified: nothing. A build that was
// cancelled or that the farm failed says nothing, nor does a verdict that decides nothing; a rebuild says
// nothing about the status.
v1::BuildStatus StatusSaid(const v1::BuildHistoryRow& row) {
  if (row.rebuild_of() != 0) return v1::BUILD_STATUS_UNSPECIFIED;
  switch (row.status()) {
    case v1::BUILD_STATUS_SUCCEEDED:
    case v1::BUILD_STATUS_FAILED:
    case v1::BUILD_STATUS_TIMED_OUT:
      return row.status();
    default:
      return v1::BUILD_STATUS_UNSPECIFIED;
  }
}

v1::Verdict VerdictSaid(const v1::BuildHistoryRow& row) {
  if (row.status() != v1::BUILD_STATUS_SUCCEEDED) return v1::VERDICT_UNSPECIFIED;
  // Of a rebuild its own executions may agree and still differ from what was recorded: its standing has both.
  if (row.rebuild_of() != 0 && row.standing() == v1::STANDING_UNKNOWN) return v1::VERDICT_UNSPECIFIED;
  switch (row.verdict()) {
    case v1::VERDICT_UNREPRODUCIBLE:
    case v1::VERDICT_FLAKY:
      return row.verdict();
    case v1::VERDICT_REPRODUCIBLE:
    case v1::VERDICT_INPUT_DRIFT:
      if (row.rebuild_of() == 0) return row.verdict();
      break;
    default:
      if (row.rebuild_of() == 0) return v1::VERDICT_UNSPECIFIED;
      break;
  }
  return row.standing() == v1::STANDING_BAD ? v1::VERDICT_UNREPRODUCIBLE : v1::VERDICT_REPRODUCIBLE;
}

}  // namespace

std::optional<v1::StateChange> ApplyToState(const v1::BuildHistoryRow& row, v1::NameState* state) {
  v1::StateChange change;
  change.set_status_before(state->status());
  change.set_verdict_before(state->verdict());
  const v1::BuildStatus status = StatusSaid(row);
  if (status != v1::BUILD_STATUS_UNSPECIFIED && row.build_id() >= state->status_build()) {
    if (status != state->status()) state->set_status_since(row.finished_at());
    state->set_status(status);
    state->set_status_build(row.build_id());
  }
  const v1::Verdict verdict = VerdictSaid(row);
  if (verdict != v1::VERDICT_UNSPECIFIED && row.build_id() >= state->verdict_build()) {
    if (verdict != state->verdict()) state->set_verdict_since(row.finished_at());
    state->set_verdict(verdict);
    state->set_verdict_build(row.build_id());
  }
  if (state->status() == change.status_before() && state->verdict() == change.verdict_before())
    return std::nullopt;
  change.set_name(state->name());
  *change.mutable_platform() = row.platform();
  change.set_build_id(row.build_id());
  change.set_changed_at(row.finished_at());
  change.set_status(state->status());
  change.set_verdict(state->verdict());
  change.set_reason(row.reason());
  return change;
}

std::vector<std::string> StateNames(const v1::BuildSubmission& submission) {
  if (submission.has_wheels() || !submission.has_recipe()) return {};
  std::set<std::string> names;
  for (const std::string& tag : submission.options().tags()) names.insert(HistoryName(tag));
  if (names.empty()) names.insert(submission.recipe().context_origin());
  names.erase("");
  return {names.begin(), names.end()};
}

bool MatchesNames(const std::string& pattern, const std::string& name) {
  return pattern.empty() || fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

}  // namespace crossmill::core
