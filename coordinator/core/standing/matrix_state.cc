#include "coordinator/core/standing/matrix_state.h"

#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"
#include "coordinator/core/build_history.h"
#include "coordinator/core/standing/state_changes.h"

namespace crossmill::core {
namespace {

// Lower is graver: first failures, then what says nothing, then verdicts.
int StatusRank(v1::BuildStatus status) {
  switch (status) {
    case v1::BUILD_STATUS_FAILED:
      return 0;
    case v1::BUILD_STATUS_TIMED_OUT:
      return 1;
    case v1::BUILD_STATUS_SUCCEEDED:
      return 3;
    default:
      return 2;
  }
}

int VerdictRank(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_FAILED:
    case v1::VERDICT_UNREPRODUCIBLE:
      return 0;
    case v1::VERDICT_FLAKY:
      return 1;
    case v1::VERDICT_INPUT_DRIFT:
      return 2;
    case v1::VERDICT_REPRODUCIBLE:
      return 4;
    default:
      return 3;
  }
}

bool IsGraver(const v1::BuildHistoryRow& row, const v1::BuildHistoryRow& than) {
  const int status = StatusRank(row.status());
  const int other = StatusRank(than.status());
  return status != other ? status < other : VerdictRank(row.verdict()) < VerdictRank(than.verdict());
}

}  // namespace

std::map<std::pair<std::string, std::string>, v1::BuildHistoryRow> MatrixRows(
    const std::vector<EndedBuild>& builds) {
  std::map<std::pair<std::string, std::string>, v1::BuildHistoryRow> rows;
  for (const EndedBuild& build : builds) {
    const std::string combination = FormatCombination(build.submission.matrix());
    for (const std::string& name : StateNames(build.submission)) {
      for (const v1::CellView& cell : build.view.cells()) {
        v1::BuildHistoryRow row = HistoryRowOf(build.submission, build.view, cell);
        row.set_reason(row.reason().empty() ? combination : fmt::format("{}: {}", combination, row.reason()));
        const auto [known, is_new] = rows.try_emplace({name, FormatPlatform(cell.platform())}, row);
        if (!is_new && IsGraver(row, known->second)) known->second = std::move(row);
      }
    }
  }
  return rows;
}

}  // namespace crossmill::core
