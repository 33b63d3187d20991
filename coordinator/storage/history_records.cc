#include "coordinator/storage/history_records.h"

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/core/build_history.h"
#include "coordinator/core/recipe_identity.h"
#include "coordinator/storage/filling/ended_builds.h"
#include "coordinator/storage/filling/prepared_statements.h"
#include "coordinator/storage/people/project_sql.h"

namespace crossmill::storage {
namespace {

constexpr Sql kRecipesOfName{"look up a recipe's name",
                             "SELECT recipe FROM recipe_names WHERE name = ?1 AND " KEY_SEEN(
                                 "recipe", "?3") " ORDER BY recipe LIMIT ?2"};
constexpr Sql kRecipeExists{
    "look up a recipe",
    "SELECT recipe FROM build_history WHERE recipe = ?1 AND " KEY_SEEN("?1", "?2") " LIMIT 1"};
// Each by one look.
constexpr Sql kPlatformsOfRecipe{
    "list the platforms of a recipe",
    "WITH RECURSIVE each_one(value) AS (SELECT min(platform) FROM build_history WHERE recipe = ?1 UNION ALL "
    "SELECT (SELECT min(platform) FROM build_history WHERE recipe = ?1 AND platform > each_one.value) "
    "FROM each_one WHERE value IS NOT NULL) SELECT value FROM each_one WHERE value IS NOT NULL"};
constexpr Sql kHistoryRows{"read the history of a recipe",
                           "SELECT build, row FROM build_history WHERE recipe = ?1 AND platform = ?2 "
                           "ORDER BY build DESC LIMIT ?3"};
#define OF_STANDING                                                                \
  "FROM build_history INDEXED BY build_history_by_standing WHERE recipe = ?1 AND " \
  "platform = ?2 AND standing = ?3 AND build > ?4 AND build < ?5 "
constexpr Sql kNewest{"look up the newest build of a standing",
                      "SELECT build " OF_STANDING "ORDER BY build DESC LIMIT 1"};
constexpr Sql kOldest{"look up the oldest build of a standing",
                      "SELECT build " OF_STANDING "ORDER BY build LIMIT 1"};
constexpr Sql kCount{"count builds of a standing", "SELECT count(*) FROM (SELECT 1 " OF_STANDING "LIMIT ?6)"};
constexpr Sql kDue{"find builds to verify again",
                   "SELECT build, recipe, label, verified_at FROM reverifiable_builds INDEXED BY "
                   "reverifiable_by_time WHERE verified_at < ?1 AND attempted_at < ?2 AND " KEY_SEEN(
                       "recipe", "?4") " ORDER BY verified_at LIMIT ?3"};

constexpr const Sql* kQuestions[] = {&kRecipesOfName, &kRecipeExists, &kHistoryRows,
                                     &kNewest,        &kOldest,       &kDue};

constexpr Sql kSaveName{"index a recipe's name",
                        "INSERT OR IGNORE INTO recipe_names (name, recipe) VALUES (?1, ?2)"};
constexpr Sql kSaveRow{"index a cell in the history of its recipe",
                       "INSERT OR REPLACE INTO build_history (recipe, platform, build, standing, row) VALUES "
                       "(?1, ?2, ?3, ?4, ?5)"};
// Recipes of images have names that were always right ("image ...", "images ..."; core::IdentifyRecipe).
constexpr Sql kForgetOrigins{"forget the names of recipes without image names",
                             "DELETE FROM recipe_names WHERE recipe >= 'context ' AND recipe < 'context!'"};
// An older build that is indexed once more changes nothing.
constexpr Sql kSaveReverifiable{
    "note a reproducible build",
    "INSERT INTO reverifiable_builds (recipe, arguments, build, label, verified_at) VALUES (?1, ?2, ?3, ?4, "
    "?5) "
    "ON CONFLICT (recipe, arguments) DO UPDATE SET build = excluded.build, label = excluded.label, "
    "verified_at = excluded.verified_at, attempted_at = 0 WHERE excluded.build > build"};
constexpr Sql kSaveVerified{
    "note a verification",
    "UPDATE reverifiable_builds SET verified_at = ?2 WHERE build = ?1 AND verified_at < ?2"};
constexpr Sql kSaveAttempt{"note a rebuild",
                           "UPDATE reverifiable_builds SET attempted_at = ?2 WHERE build = ?1"};

// `run` takes a Sql and its values.
template <typename Run>
absl::Status WriteNames(const v1::BuildSubmission& submission, const std::string& recipe, Run run) {
  for (const std::string& name : core::HistoryNames(submission))
    RETURN_IF_ERROR(run(kSaveName, name, recipe));
  return absl::OkStatus();
}

template <typename Run>
absl::Status WriteHistory(const v1::BuildSubmission& submission, const v1::BuildView& view, Run run) {
  const core::RecipeIdentity identity = core::IdentifyRecipe(submission);
  if (identity.recipe.empty() || submission.has_wheels()) return absl::OkStatus();
  RETURN_IF_ERROR(WriteNames(submission, identity.recipe, run));
  for (const v1::CellView& cell : view.cells()) {
    const v1::BuildHistoryRow row = core::HistoryRowOf(submission, view, cell);
    const std::string bytes = row.SerializeAsString();
    RETURN_IF_ERROR(run(kSaveRow, identity.recipe, FormatPlatform(cell.platform()), view.id(),
                        static_cast<int>(row.standing()), Blob{bytes}));
  }
  if (core::IsVerification(view)) return run(kSaveVerified, view.rebuild().build(), view.finished_at());
  if (!core::IsReverifiable(submission, view)) return absl::OkStatus();
  return run(kSaveReverifiable, identity.recipe, identity.arguments, view.id(), identity.label,
             view.finished_at());
}

}  // namespace

absl::StatusOr<std::vector<std::string>> HistoryRecords::Recipes(const std::string& name, int limit,
                                                                 const core::Scope& scope) {
  std::vector<std::string> recipes;
  RecursiveMutexLock lock(connection_.mutex());
  {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kRecipesOfName));
    query->Bind(name, limit, scope.project());
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) break;
      recipes.emplace_back(query->Text(0));
    }
  }
  if (!recipes.empty()) return recipes;
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kRecipeExists));
  query->Bind(name, scope.project());
  ASSIGN_OR_RETURN(const bool row, query->Step());
  if (row) recipes.emplace_back(query->Text(0));
  return recipes;
}

absl::StatusOr<std::vector<std::string>> HistoryRecords::Platforms(const std::string& recipe) {
  std::vector<std::string> platforms;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kPlatformsOfRecipe));
  query->Bind(recipe);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return platforms;
    platforms.emplace_back(query->Text(0));
  }
}

absl::StatusOr<std::vector<v1::BuildHistoryRow>> HistoryRecords::Rows(const std::string& recipe,
                                                                      const std::string& platform,
                                                                      int limit) {
  std::vector<v1::BuildHistoryRow> rows;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kHistoryRows));
  query->Bind(recipe, platform, limit);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return rows;
    RETURN_IF_ERROR(ParseRecord(query->Bytes(1), fmt::format("the history of build {}", query->Int64(0)),
                                &rows.emplace_back()));
  }
}

absl::StatusOr<std::optional<int64_t>> HistoryRecords::Newest(const std::string& recipe,
                                                              const std::string& platform,
                                                              v1::Standing standing, const Between& between) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kNewest));
  query->Bind(recipe, platform, static_cast<int>(standing), between.after, between.before);
  ASSIGN_OR_RETURN(const bool row, query->Step());
  return row ? std::optional<int64_t>(query->Int64(0)) : std::nullopt;
}

absl::StatusOr<std::optional<int64_t>> HistoryRecords::Oldest(const std::string& recipe,
                                                              const std::string& platform,
                                                              v1::Standing standing, const Between& between) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kOldest));
  query->Bind(recipe, platform, static_cast<int>(standing), between.after, between.before);
  ASSIGN_OR_RETURN(const bool row, query->Step());
  return row ? std::optional<int64_t>(query->Int64(0)) : std::nullopt;
}

absl::StatusOr<int64_t> HistoryRecords::Count(const std::string& recipe, const std::string& platform,
                                              v1::Standing standing, const Between& between, int limit) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kCount));
  query->Bind(recipe, platform, static_cast<int>(standing), between.after, between.before, limit);
  RETURN_IF_ERROR(query->Step().status());
  return query->Int64(0);
}

absl::StatusOr<std::vector<v1::DueBuild>> HistoryRecords::Due(int64_t verified_before,
                                                              int64_t attempted_before, int limit,
                                                              const core::Scope& scope) {
  std::vector<v1::DueBuild> due;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kDue));
  query->Bind(verified_before, attempted_before, limit, scope.project());
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return due;
    v1::DueBuild& build = due.emplace_back();
    build.set_build_id(query->Int64(0));
    build.set_recipe(std::string(query->Text(1)));
    build.set_label(std::string(query->Text(2)));
    build.set_verified_at(query->Int64(3));
  }
}

absl::Status IndexBuildHistory(Connection& connection, const v1::BuildSubmission& submission,
                               const v1::BuildView& view) {
  return WriteHistory(submission, view, [&connection](const Sql& sql, const auto&... values) {
    RecursiveMutexLock lock(connection.mutex());
    return connection.Run(sql, values...);
  });
}

absl::Status NoteRebuild(Connection& connection, const v1::Rebuild& rebuild, int64_t now_ns) {
  return connection.Run(kSaveAttempt, rebuild.build(), now_ns);
}

absl::Status FillBuildHistory(Database& database) {
  PreparedStatements statements(database);
  const auto run = [&statements](const Sql& sql, const auto&... values) {
    return statements.Run(sql, values...);
  };
  return ForEachEndedBuild(database, "has no place in its recipe's history",
                           [&run](const v1::BuildSubmission& submission, const v1::BuildView& view) {
                             return WriteHistory(submission, view, run);
                           });
}

absl::Status RenameOrigins(Database& database) {
  PreparedStatements statements(database);
  const auto run = [&statements](const Sql& sql, const auto&... values) {
    return statements.Run(sql, values...);
  };
  RETURN_IF_ERROR(run(kForgetOrigins));
  return ForEachEndedBuild(
      database, "is not found by where its context came from",
      [&run](const v1::BuildSubmission& submission, const v1::BuildView&) -> absl::Status {
        if (submission.has_wheels() || submission.options().tags_size() > 0) return absl::OkStatus();
        return WriteNames(submission, core::IdentifyRecipe(submission).recipe, run);
      });
}

absl::Span<const Sql* const> HistoryStatements() { return kQuestions; }

}  // namespace crossmill::storage
