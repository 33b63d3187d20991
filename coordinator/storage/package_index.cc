#include "coordinator/storage/package_index.h"

#include <string>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/core/recipe_identity.h"
#include "coordinator/storage/filling/prepared_statements.h"

namespace crossmill::storage {
namespace {

// An outcome of v1::Outcome in SQL.
static_assert(v1::OUTCOME_SOURCE == 2 && v1::OUTCOME_VCS == 4 && v1::OUTCOME_LOCAL == 5 &&
              v1::OUTCOME_EDITABLE == 6 && v1::OUTCOME_FAILED == 8);

// All package rows as rows of each table. A package was compiled if its outcome says so, or if the console
// showed the wheel that was built of a repository or folder; it failed while it was compiled if that took
// time.
#define HISTORY_ROWS                                                   \
  "SELECT p.name, e.platform, e.finished_at, p.execution, p.position " \
  "FROM packages p JOIN executions e ON e.id = p.execution AND e.finished_at IS NOT NULL "
#define RELEASE_ROWS "SELECT p.name, p.version, p.execution, p.position FROM packages p WHERE p.outcome <> 8 "
#define COMPILATION_ROWS                                                                         \
  "SELECT e.platform, e.finished_at, p.execution, p.position, p.name, p.version, p.tag, "        \
  "CASE WHEN p.seconds >= 0 THEN p.seconds END, e.build, p.outcome = 8, p.emulated, e.replica, " \
  "p.scope = 'build-dep' FROM packages p JOIN executions e ON e.id = p.execution "               \
  "AND e.finished_at IS NOT NULL "                                                               \
  "WHERE (p.outcome = 2 OR (p.outcome IN (4, 5, 6) AND p.built_sha256 <> '') OR "                \
  "(p.outcome = 8 AND p.seconds >= 0)) "

constexpr Sql kIndexHistory{"index the packages of an execution",
                            "INSERT INTO package_history " HISTORY_ROWS "WHERE p.execution = ?1"};
constexpr Sql kIndexReleases{"index the releases of an execution",
                             "INSERT INTO package_releases " RELEASE_ROWS "AND p.execution = ?1"};
constexpr Sql kIndexCompilations{"index the compilations of an execution",
                                 "INSERT INTO compilations " COMPILATION_ROWS "AND p.execution = ?1"};

constexpr Sql kUnindexHistory{
    "replace the index of an execution",
    "DELETE FROM package_history WHERE (name, platform, finished_at, execution, position) IN (" HISTORY_ROWS
    "WHERE p.execution = ?1)"};
constexpr Sql kUnindexReleases{
    "replace the releases of an execution",
    "DELETE FROM package_releases WHERE (name, version, execution, position) IN (" RELEASE_ROWS
    "AND p.execution = ?1)"};
constexpr Sql kUnindexCompilations{
    "replace the compilations of an execution",
    "DELETE FROM compilations WHERE (platform, finished_at, execution, position) IN "
    "(SELECT e.platform, e.finished_at, p.execution, p.position "
    "FROM packages p JOIN executions e ON e.id = p.execution WHERE p.execution = ?1)"};

constexpr Sql kSaveEndedBuild{"index an ended build",
                              "INSERT OR REPLACE INTO ended_builds (build, recipe, arguments, label, status, "
                              "submitted_at, finished_at) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
constexpr Sql kSaveRecipeCell{
    "index a cell of an ended build",
    "INSERT OR REPLACE INTO recipe_cells (recipe, platform, arguments, finished_at, build) "
    "VALUES (?1, ?2, ?3, ?4, ?5)"};
constexpr Sql kSavePackageStep{
    "index a step of an ended build",
    "INSERT OR REPLACE INTO package_steps "
    "(build, stage, step_number, stage_name, execution, platform, finished_at) "
    "SELECT ?1, ?2, ?3, ?4, id, platform, finished_at FROM executions WHERE id = ?5 AND "
    "finished_at IS NOT NULL AND EXISTS (SELECT 1 FROM packages WHERE execution = ?5)"};

constexpr const Sql* kEach[] = {&kIndexHistory,   &kIndexReleases,   &kIndexCompilations,
                                &kUnindexHistory, &kUnindexReleases, &kUnindexCompilations,
                                &kSavePackageStep};

// `run` takes a Sql and its values.
template <typename Run>
absl::Status WriteEndedBuild(const v1::BuildSubmission& submission, const v1::BuildView& view, Run run) {
  const core::RecipeIdentity identity = core::IdentifyRecipe(submission);
  RETURN_IF_ERROR(run(kSaveEndedBuild, view.id(), identity.recipe, identity.arguments, identity.label,
                      static_cast<int>(view.status()), view.created_at(), view.finished_at()));
  for (const v1::CellView& cell : view.cells()) {
    // What a rebuild brings is of the recorded build's time: nothing later is compared with it.
    if (identity.recipe.empty() || submission.has_rebuild() || cell.status() != v1::BUILD_STATUS_SUCCEEDED)
      continue;
    RETURN_IF_ERROR(run(kSaveRecipeCell, identity.recipe, FormatPlatform(cell.platform()), identity.arguments,
                        view.finished_at(), view.id()));
  }
  for (const v1::StageView& stage : view.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      // Of a step that failed nothing is there.
      if (step.execution() == 0 || step.status() == v1::STEP_STATUS_FAILED) continue;
      RETURN_IF_ERROR(
          run(kSavePackageStep, view.id(), stage.index(), step.number(), stage.name(), step.execution()));
    }
  }
  return absl::OkStatus();
}

// ---- what was there before ----

constexpr Sql kEmptyRecord{"look for packages", "SELECT NOT EXISTS (SELECT 1 FROM builds)"};
constexpr Sql kCountBuilds{"count the builds", "SELECT count(*) FROM builds"};
constexpr Sql kOldBuilds{"read the builds", "SELECT id, status, view FROM builds ORDER BY id"};
constexpr Sql kOldPlan{"read the plan of a build", "SELECT plan FROM builds WHERE id = ?1"};
constexpr Sql kOldSubmission{"read the submission of a build", "SELECT submission FROM builds WHERE id = ?1"};
constexpr Sql kOldPlatform{
    "note the platform of a stage",
    "INSERT OR REPLACE INTO temp.stage_platforms (build, stage, platform) VALUES (?1, ?2, ?3)"};

// What is done when the platforms of stages are known. Each table is filled in its own order.
struct Phase {
  const char* what;
  const char* sql;
};
constexpr Phase kPhases[] = {
    {"the platforms of executions",
     "UPDATE executions SET platform = coalesce((SELECT s.platform FROM temp.stage_platforms s "
     "WHERE s.build = executions.build AND s.stage = executions.stage), '')"},
    {"the platforms of steps",
     "UPDATE package_steps SET platform = (SELECT platform FROM executions WHERE id = execution)"},
    {"packages by name", "INSERT INTO package_history " HISTORY_ROWS "ORDER BY 1, 2, 3, 4, 5"},
    {"packages by version", "INSERT INTO package_releases " RELEASE_ROWS "ORDER BY 1, 2, 3, 4"},
    {"compilations", "INSERT INTO compilations " COMPILATION_ROWS "ORDER BY 1, 2, 3, 4"},
};
constexpr int kBuildsPerLine = 20'000;

class Filling {
 public:
  explicit Filling(Database& database) : database_(database), statements_(database) {}

  absl::Status Fill() {
    ASSIGN_OR_RETURN(const int64_t empty, database_.QueryInt64(kEmptyRecord));
    if (empty != 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(total_, database_.QueryInt64(kCountBuilds));
    RETURN_IF_ERROR(database_.Execute("begin to index packages",
                                      "CREATE TEMP TABLE stage_platforms (build INTEGER, stage INTEGER, "
                                      "platform TEXT, PRIMARY KEY (build, stage)) WITHOUT ROWID"));
    RETURN_IF_ERROR(FillBuilds());
    statements_.Clear();
    for (const Phase& phase : kPhases) {
      LogInfo("record: indexing {}", phase.what);
      RETURN_IF_ERROR(database_.Execute("index packages", phase.sql));
    }
    return database_.Execute("end to index packages", "DROP TABLE temp.stage_platforms");
  }

 private:
  absl::Status FillBuilds() {
    ASSIGN_OR_RETURN(Statement builds, database_.Prepare(kOldBuilds));
    for (int64_t done = 0;; ++done) {
      if (done % kBuildsPerLine == 0) LogInfo("record: indexing builds, {} of {}", done, total_);
      ASSIGN_OR_RETURN(const bool row, builds.Step());
      if (!row) return absl::OkStatus();
      const int64_t id = builds.Int64(0);
      const bool ended = builds.Int64(1) >= v1::BUILD_STATUS_SUCCEEDED;
      v1::BuildView view;
      const absl::Status read = ParseRecord(builds.Bytes(2), fmt::format("the view of build {}", id), &view);
      if (!read.ok()) {
        LogWarning("record: build={} not indexed: {}", id, Sv(read.message()));
        continue;
      }
      RETURN_IF_ERROR(FillPlatforms(id, view));
      if (ended) RETURN_IF_ERROR(FillEnded(id, view));
    }
  }

  absl::Status FillPlatforms(int64_t id, const v1::BuildView& view) {
    for (const v1::StageView& stage : view.stages()) {
      RETURN_IF_ERROR(statements_.Run(kOldPlatform, id, stage.index(), FormatPlatform(stage.platform())));
    }
    if (!view.stages().empty()) return absl::OkStatus();
    // A build that had not ended has its stages in its plan only.
    v1::BuildPlan plan;
    RETURN_IF_ERROR(Read(kOldPlan, id, "plan", &plan));
    for (int i = 0; i < plan.stages_size(); ++i) {
      RETURN_IF_ERROR(statements_.Run(kOldPlatform, id, i, FormatPlatform(plan.stages(i).platform())));
    }
    return absl::OkStatus();
  }

  absl::Status FillEnded(int64_t id, v1::BuildView view) {
    v1::BuildSubmission submission;
    RETURN_IF_ERROR(Read(kOldSubmission, id, "submission", &submission));
    view.set_id(id);
    return WriteEndedBuild(submission, view, [this](const Sql& sql, const auto&... values) {
      return statements_.Run(sql, values...);
    });
  }

  // Leaves `message` empty when there is none or it is damaged.
  template <typename Message>
  absl::Status Read(const Sql& sql, int64_t id, std::string_view what, Message* message) {
    ASSIGN_OR_RETURN(Statement * query, statements_.Use(sql));
    query->Bind(id);
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (row && !query->IsNull(0)) {
      const absl::Status read =
          ParseRecord(query->Bytes(0), fmt::format("the {} of build {}", what, id), message);
      if (!read.ok()) {
        LogWarning("record: {}", Sv(read.message()));
        message->Clear();
      }
    }
    query->Reset();
    return absl::OkStatus();
  }

  Database& database_;
  int64_t total_ = 0;
  PreparedStatements statements_;
};

}  // namespace

absl::Status IndexPackages(Connection& connection, int64_t execution) {
  RETURN_IF_ERROR(connection.Run(kIndexHistory, execution));
  RETURN_IF_ERROR(connection.Run(kIndexReleases, execution));
  return connection.Run(kIndexCompilations, execution);
}

absl::Status UnindexPackages(Connection& connection, int64_t execution) {
  RETURN_IF_ERROR(connection.Run(kUnindexHistory, execution));
  RETURN_IF_ERROR(connection.Run(kUnindexReleases, execution));
  return connection.Run(kUnindexCompilations, execution);
}

absl::Status IndexEndedBuild(Connection& connection, const v1::BuildSubmission& submission,
                             const v1::BuildView& view) {
  return WriteEndedBuild(submission, view, [&connection](const Sql& sql, const auto&... values) {
    RecursiveMutexLock lock(connection.mutex());
    return connection.Run(sql, values...);
  });
}

absl::Span<const Sql* const> PackageIndexStatements() { return kEach; }

absl::Status FillPackageIndex(Database& database) { return Filling(database).Fill(); }

}  // namespace crossmill::storage
