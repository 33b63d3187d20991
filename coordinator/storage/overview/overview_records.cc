#include "coordinator/storage/overview/overview_records.h"

#include <algorithm>

#include "common/base/status.h"
#include "coordinator/overview/trend_spans.h"
#include "coordinator/storage/people/project_sql.h"

namespace crossmill::storage {
namespace {

constexpr Sql kWall{
    "read the wall",
    "SELECT recipe, row FROM wall_rows INDEXED BY wall_rows_in_order WHERE (calm, unchanged, recipe) > "
    "(?1, ?2, ?3) AND " KEY_SEEN("recipe", "?5") " ORDER BY calm, unchanged, recipe LIMIT ?4"};
constexpr Sql kTrendHours{"read the sums of hours",
                          "SELECT hour, sums FROM trend_hours WHERE hour >= ?1 AND hour < ?2 ORDER BY hour"};

int64_t RoundedUp(int64_t time) { return (time + overview::kHour - 1) / overview::kHour; }

}  // namespace

absl::StatusOr<std::vector<v1::WallRow>> OverviewRecords::Wall(const core::Scope& scope,
                                                               const std::optional<WallPlace>& behind,
                                                               int limit) {
  std::vector<v1::WallRow> rows;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kWall));
  query->Bind(behind ? behind->calm : -1, behind ? behind->unchanged : 0, behind ? behind->recipe : "",
              std::max(limit, 0), scope.project());
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return rows;
    RETURN_IF_ERROR(ParseRecord(query->Bytes(1), fmt::format("a row of the wall: {}", query->Text(0)),
                                &rows.emplace_back()));
  }
}

absl::Status OverviewRecords::AddHours(std::vector<v1::TrendSpan>* spans) {
  if (spans->empty()) return absl::OkStatus();
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kTrendHours));
  query->Bind(RoundedUp(spans->front().start()), RoundedUp(spans->back().end()));
  v1::TrendSums sums;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return absl::OkStatus();
    RETURN_IF_ERROR(ParseRecord(query->Bytes(1), fmt::format("the sums of hour {}", query->Int64(0)), &sums));
    overview::AddHour(query->Int64(0), sums, spans);
  }
}

}  // namespace crossmill::storage
