#include "coordinator/storage/overview/overview_index.h"

#include <map>
#include <string>
#include <unordered_map>

#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/overview/listed_build.h"
#include "coordinator/overview/trend_spans.h"
#include "coordinator/overview/trend_sums.h"
#include "coordinator/overview/wall_row.h"
#include "coordinator/storage/filling/ended_builds.h"
#include "coordinator/storage/filling/prepared_statements.h"

namespace crossmill::storage {
namespace {

constexpr Sql kIsCounted{"look whether a build was counted", "SELECT 1 FROM ended_builds WHERE build = ?1"};
constexpr Sql kSaveListed{"list a build that has ended",
                          "INSERT OR REPLACE INTO build_list (build, submitted_at, finished_at, status, "
                          "verdicts, platforms, names, "
                          "labels, target, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
constexpr Sql kSaveHead{"save the head of a build",
                        "INSERT OR REPLACE INTO build_heads (build, head) VALUES (?1, ?2)"};
constexpr Sql kWallRow{"read a row of the wall", "SELECT row FROM wall_rows WHERE recipe = ?1"};
constexpr Sql kSaveWallRow{"save a row of the wall",
                           "INSERT INTO wall_rows (recipe, calm, unchanged, row) VALUES (?1, ?2, ?3, ?4) ON "
                           "CONFLICT (recipe) DO UPDATE "
                           "SET calm = excluded.calm, unchanged = excluded.unchanged, row = excluded.row"};
constexpr Sql kTrendHour{"read the sums of an hour", "SELECT sums FROM trend_hours WHERE hour = ?1"};
constexpr Sql kSaveTrendHour{"save the sums of an hour",
                             "INSERT INTO trend_hours (hour, sums) VALUES (?1, ?2) ON CONFLICT (hour) DO "
                             "UPDATE SET sums = excluded.sums"};
constexpr Sql kExecutedStep{"read when an execution began",
                            "SELECT started_at, build FROM executions WHERE id = ?1"};
// What was compiled is what package_index.cc takes for it, without what failed.
constexpr Sql kCompiledOf{"count what an execution compiled",
                          "SELECT count(*), coalesce(sum(CASE WHEN seconds >= 0 THEN seconds END), 0) FROM "
                          "packages WHERE execution = ?1 "
                          "AND (outcome = 2 OR (outcome IN (4, 5, 6) AND built_sha256 <> ''))"};

int64_t HourOf(const v1::BuildView& view) { return view.finished_at() / overview::kHour; }

template <typename Run>
absl::Status SaveListed(const v1::BuildSubmission& submission, const v1::BuildView& view, Run run) {
  const overview::BuildFacts facts = overview::FactsOf(submission, view, view.finished_at());
  RETURN_IF_ERROR(run(kSaveListed, facts.build, facts.submitted_at, facts.finished_at, facts.status,
                      facts.verdicts, facts.platforms, facts.names, facts.labels, facts.target, facts.text));
  const std::string bytes = overview::HeadlineOf(view).SerializeAsString();
  return run(kSaveHead, view.id(), Blob{bytes});
}

template <typename Run>
absl::Status SaveWallRow(const v1::WallRow& row, Run run) {
  const std::string bytes = row.SerializeAsString();
  return run(kSaveWallRow, row.recipe(), row.needs_look() ? 0 : 1, -row.changed_at(), Blob{bytes});
}

template <typename Run>
absl::Status SaveTrendHour(int64_t hour, const v1::TrendSums& sums, Run run) {
  const std::string bytes = sums.SerializeAsString();
  return run(kSaveTrendHour, hour, Blob{bytes});
}

// `ask` takes a Sql, a value, and what to do with the first row.
template <typename Ask>
absl::StatusOr<overview::ExecutedSteps> ReadExecuted(const v1::BuildView& view, Ask ask) {
  overview::ExecutedSteps executed;
  for (const v1::StageView& stage : view.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      if (!overview::IsExecuted(step)) continue;
      overview::ExecutedStep& known = executed[step.execution()];
      RETURN_IF_ERROR(ask(kExecutedStep, step.execution(), [&](Statement& row) {
        known.started_at = row.Int64(0);
        known.build = row.Int64(1);
      }));
      if (view.ahead_of() != 0) {
        // Each step of such a build compiles one archive.
        known.compiled_packages = step.status() == v1::STEP_STATUS_EXECUTED ? 1 : 0;
        known.compile_seconds = step.status() == v1::STEP_STATUS_EXECUTED ? step.seconds() : 0;
        continue;
      }
      RETURN_IF_ERROR(ask(kCompiledOf, step.execution(), [&](Statement& row) {
        known.compiled_packages = row.Int64(0);
        known.compile_seconds = row.Double(1);
      }));
    }
  }
  return executed;
}

// The message in the first row; empty without one.
template <typename Message, typename Key>
absl::StatusOr<Message> ReadOne(Connection& connection, const Sql& sql, const Key& key,
                                std::string_view what) {
  RecursiveMutexLock lock(connection.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection.Use(sql));
  query->Bind(key);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  Message message;
  if (found) RETURN_IF_ERROR(ParseRecord(query->Bytes(0), what, &message));
  return message;
}

// What was there before, gathered in memory and written once.
class OverviewFilling {
 public:
  explicit OverviewFilling(Database& database) : database_(database), statements_(database) {}

  absl::Status Fill() {
    RETURN_IF_ERROR(ForEachEndedBuild(
        database_, "is in no list", [this](const v1::BuildSubmission& submission, const v1::BuildView& view) {
          return FillBuild(submission, view);
        }));
    const auto run = [this](const Sql& sql, const auto&... values) {
      return statements_.Run(sql, values...);
    };
    for (const auto& [recipe, row] : rows_) RETURN_IF_ERROR(SaveWallRow(row, run));
    for (const auto& [hour, sums] : hours_) RETURN_IF_ERROR(SaveTrendHour(hour, sums, run));
    return absl::OkStatus();
  }

 private:
  absl::Status FillBuild(const v1::BuildSubmission& submission, const v1::BuildView& view) {
    if (!submission.has_wheels()) {
      RETURN_IF_ERROR(SaveListed(submission, view, [this](const Sql& sql, const auto&... values) {
        return statements_.Run(sql, values...);
      }));
      overview::AddToRow(submission, view, &rows_[overview::RowKeyOf(submission)]);
    }
    ASSIGN_OR_RETURN(
        const overview::ExecutedSteps executed,
        ReadExecuted(view, [this](const Sql& sql, int64_t key, const auto& with) -> absl::Status {
          ASSIGN_OR_RETURN(Statement * query, statements_.Use(sql));
          query->Bind(key);
          ASSIGN_OR_RETURN(const bool found, query->Step());
          if (found) with(*query);
          query->Reset();
          return absl::OkStatus();
        }));
    overview::AddToSums(view, executed, &hours_[HourOf(view)]);
    return absl::OkStatus();
  }

  Database& database_;
  PreparedStatements statements_;
  std::unordered_map<std::string, v1::WallRow> rows_;
  std::map<int64_t, v1::TrendSums> hours_;
};

}  // namespace

absl::Status IndexOverview(Connection& connection, const v1::BuildSubmission& submission,
                           const v1::BuildView& view) {
  const auto run = [&connection](const Sql& sql, const auto&... values) {
    RecursiveMutexLock lock(connection.mutex());
    return connection.Run(sql, values...);
  };
  if (!submission.has_wheels()) {
    RETURN_IF_ERROR(SaveListed(submission, view, run));
    const std::string recipe = overview::RowKeyOf(submission);
    ASSIGN_OR_RETURN(v1::WallRow row,
                     ReadOne<v1::WallRow>(connection, kWallRow, recipe, "a row of the wall: " + recipe));
    overview::AddToRow(submission, view, &row);
    RETURN_IF_ERROR(SaveWallRow(row, run));
  }
  {
    ASSIGN_OR_RETURN(StatementUse counted, connection.Use(kIsCounted));
    counted->Bind(view.id());
    ASSIGN_OR_RETURN(const bool found, counted->Step());
    if (found) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(
      const overview::ExecutedSteps executed,
      ReadExecuted(view, [&connection](const Sql& sql, int64_t key, const auto& with) -> absl::Status {
        RecursiveMutexLock lock(connection.mutex());
        ASSIGN_OR_RETURN(StatementUse query, connection.Use(sql));
        query->Bind(key);
        ASSIGN_OR_RETURN(const bool found, query->Step());
        if (found) with(*query);
        return absl::OkStatus();
      }));
  ASSIGN_OR_RETURN(v1::TrendSums sums,
                   ReadOne<v1::TrendSums>(connection, kTrendHour, HourOf(view),
                                          fmt::format("the sums of hour {}", HourOf(view))));
  overview::AddToSums(view, executed, &sums);
  return SaveTrendHour(HourOf(view), sums, run);
}

absl::Status FillOverview(Database& database) { return OverviewFilling(database).Fill(); }

}  // namespace crossmill::storage
