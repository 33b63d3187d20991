#include "coordinator/storage/notices/state_records.h"

#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/core/build_history.h"
#include "coordinator/core/standing/matrix_state.h"
#include "coordinator/core/standing/state_changes.h"
#include "coordinator/storage/filling/ended_builds.h"
#include "coordinator/storage/filling/prepared_statements.h"
#include "coordinator/storage/notices/webhook_records.h"

namespace crossmill::storage {
namespace {

// '': of all.
#define OF_PROJECT(place) "(" place " = '' OR project = " place ") "

constexpr Sql kLoadState{"look up the state of a name",
                         "SELECT status, status_build, status_since, verdict, verdict_build, verdict_since "
                         "FROM name_states WHERE name = ?1 AND platform = ?2 AND project = ?3"};
constexpr Sql kSaveState{"save the state of a name",
                         "INSERT OR REPLACE INTO name_states (name, platform, project, status, "
                         "status_build, status_since, verdict, verdict_build, verdict_since) VALUES (?1, ?2, "
                         "?3, ?4, ?5, ?6, ?7, ?8, ?9)"};
constexpr Sql kSaveChange{
    "save a change of state",
    "INSERT INTO state_changes (name, platform, change, project) VALUES (?1, ?2, ?3, ?4)"};
constexpr Sql kAllChanges{
    "list changes of state",
    "SELECT id, change FROM state_changes WHERE id < ?1 AND " OF_PROJECT("?3") "ORDER BY id DESC LIMIT ?2"};
constexpr Sql kChangesOfName{
    "list changes of state of a name",
    "SELECT id, change FROM state_changes WHERE id < ?1 AND name = ?4 AND " OF_PROJECT(
        "?3") "ORDER BY id DESC LIMIT ?2"};
constexpr Sql kChangesOfPlatform{
    "list changes of state on a platform",
    "SELECT id, change FROM state_changes WHERE id < ?1 AND platform = ?4 AND " OF_PROJECT(
        "?3") "ORDER BY id DESC LIMIT ?2"};
constexpr Sql kChangesOfBoth{
    "list changes of state of a name on a platform",
    "SELECT id, change FROM state_changes WHERE id < ?1 AND name = ?4 AND platform = ?5 AND " OF_PROJECT(
        "?3") "ORDER BY id DESC LIMIT ?2"};
constexpr Sql kStates{"list the states of names",
                      "SELECT name, platform, project, status, status_build, status_since, verdict, "
                      "verdict_build, verdict_since FROM name_states WHERE (name, platform, project) > "
                      "(?1, ?2, ?6) AND (?3 = '' OR platform = ?3) AND " OF_PROJECT(
                          "?5") "ORDER BY name, platform, project LIMIT ?4"};
// Its rows are next to each other: nothing else is looked at.
constexpr Sql kStatesOfName{"list the states of a name",
                            "SELECT name, platform, project, status, status_build, status_since, verdict, "
                            "verdict_build, verdict_since FROM name_states WHERE name = ?1 AND (platform, "
                            "project) > (?2, ?6) AND (?3 = '' OR platform = ?3) AND " OF_PROJECT(
                                "?5") "ORDER BY platform, project LIMIT ?4"};
constexpr Sql kHasState{"look for a name",
                        "SELECT 1 FROM name_states WHERE name = ?1 AND " OF_PROJECT("?2") "LIMIT 1"};
constexpr Sql kCountStates{"look for states of names", "SELECT EXISTS (SELECT 1 FROM name_states)"};
// 1 to 3 are the statuses of builds that run.
constexpr Sql kMatrixRuns{"look whether a matrix runs",
                          "SELECT 1 FROM builds WHERE id BETWEEN ?1 AND ?2 AND status < 4 LIMIT 1"};
constexpr Sql kMatrixBuilds{"load the builds of a matrix",
                            "SELECT b.id, b.submission, h.head FROM builds b JOIN build_heads h ON h.build = "
                            "b.id WHERE b.id BETWEEN ?1 AND ?2 ORDER BY b.id"};
constexpr Sql kIdentity{"read the farm's identity", "SELECT id, since FROM farm_identity"};

#undef OF_PROJECT

// As it is in messages and in the record.
std::string ToldProject(std::string_view project) {
  return project == core::kDefaultProject ? "" : std::string(project);
}
std::string RecordedProject(std::string_view project) {
  return std::string(project.empty() ? core::kDefaultProject : project);
}

// Columns from `first` on.
v1::NameState ReadState(const Statement& row, int first) {
  v1::NameState state;
  state.set_status(static_cast<v1::BuildStatus>(row.Int64(first)));
  state.set_status_build(row.Int64(first + 1));
  state.set_status_since(row.Int64(first + 2));
  state.set_verdict(static_cast<v1::Verdict>(row.Int64(first + 3)));
  state.set_verdict_build(row.Int64(first + 4));
  state.set_verdict_since(row.Int64(first + 5));
  return state;
}

// `run` takes a Sql and its values.
template <typename Run>
absl::Status SaveState(const v1::NameState& state, const std::string& platform, Run run) {
  return run(kSaveState, state.name(), platform, RecordedProject(state.project()),
             static_cast<int>(state.status()), state.status_build(), state.status_since(),
             static_cast<int>(state.verdict()), state.verdict_build(), state.verdict_since());
}

absl::StatusOr<v1::NameState> LoadState(Connection& connection, const std::string& name,
                                        const std::string& platform, const std::string& project)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex()) {
  ASSIGN_OR_RETURN(StatementUse query, connection.Use(kLoadState));
  query->Bind(name, platform, RecordedProject(project));
  ASSIGN_OR_RETURN(const bool row, query->Step());
  v1::NameState state = row ? ReadState(*query, 0) : v1::NameState();
  state.set_name(name);
  state.set_project(project);
  return state;
}

absl::Status RecordState(Connection& connection, const std::string& name, const std::string& platform,
                         const v1::BuildHistoryRow& row, const std::string& project)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex()) {
  const auto run = [&connection](const Sql& sql, const auto&... values) {
    RecursiveMutexLock lock(connection.mutex());
    return connection.Run(sql, values...);
  };
  ASSIGN_OR_RETURN(v1::NameState state, LoadState(connection, name, platform, project));
  auto change = core::ApplyToState(row, &state);
  if (state.status_build() != row.build_id() && state.verdict_build() != row.build_id())
    return absl::OkStatus();
  RETURN_IF_ERROR(SaveState(state, platform, run));
  if (!change) return absl::OkStatus();
  change->set_project(project);
  RETURN_IF_ERROR(connection.Run(kSaveChange, name, platform, Blob{change->SerializeAsString()},
                                 RecordedProject(project)));
  return EnqueueDeliveries(connection, connection.LastInsertId(), name, change->changed_at());
}

absl::StatusOr<std::vector<core::EndedBuild>> LoadMatrix(Connection& connection, int64_t first, int64_t last)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex()) {
  std::vector<core::EndedBuild> builds;
  ASSIGN_OR_RETURN(StatementUse query, connection.Use(kMatrixBuilds));
  query->Bind(first, last);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return builds;
    core::EndedBuild& build = builds.emplace_back();
    const std::string what = fmt::format("build {}", query->Int64(0));
    RETURN_IF_ERROR(ParseRecord(query->Bytes(1), what, &build.submission));
    RETURN_IF_ERROR(ParseRecord(query->Bytes(2), what, &build.view));
  }
}

// When its last build has ended, and nothing before: its builds share names, which would go back and forth.
absl::Status RecordMatrixStates(Connection& connection, const v1::MatrixPlace& place)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex()) {
  const int64_t first = place.matrix();
  const int64_t last = first + place.size() - 1;
  {
    ASSIGN_OR_RETURN(StatementUse query, connection.Use(kMatrixRuns));
    query->Bind(first, last);
    ASSIGN_OR_RETURN(const bool runs, query->Step());
    if (runs) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::vector<core::EndedBuild> builds, LoadMatrix(connection, first, last));
  for (const auto& [of, row] : core::MatrixRows(builds))
    RETURN_IF_ERROR(RecordState(connection, of.first, of.second, row, builds.front().submission.project()));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> StateRecords::NameMeant(const std::string& name, const core::Scope& scope) {
  if (name.empty()) return name;
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kHasState));
  query->Bind(name, scope.project());
  ASSIGN_OR_RETURN(const bool known, query->Step());
  const std::string image = core::HistoryName(name);
  // Of ":1" nothing is left, and nothing means all names.
  return known || image.empty() ? name : image;
}

absl::StatusOr<std::vector<v1::StateChange>> StateRecords::Changes(const std::string& asked,
                                                                   const std::string& platform,
                                                                   int64_t before, int limit,
                                                                   const core::Scope& scope) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(const std::string name, NameMeant(asked, scope));
  const Sql& sql = name.empty() ? (platform.empty() ? kAllChanges : kChangesOfPlatform)
                                : (platform.empty() ? kChangesOfName : kChangesOfBoth);
  std::vector<v1::StateChange> changes;
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(sql));
  const int64_t below = before == 0 ? INT64_MAX : before;
  if (name.empty() && platform.empty()) {
    query->Bind(below, limit, scope.project());
  } else if (!name.empty() && !platform.empty()) {
    query->Bind(below, limit, scope.project(), name, platform);
  } else {
    query->Bind(below, limit, scope.project(), name.empty() ? platform : name);
  }
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return changes;
    v1::StateChange& change = changes.emplace_back();
    RETURN_IF_ERROR(
        ParseRecord(query->Bytes(1), fmt::format("change of state {}", query->Int64(0)), &change));
    change.set_id(query->Int64(0));
  }
}

absl::StatusOr<std::vector<v1::NameState>> StateRecords::States(const std::string& asked,
                                                                const std::string& platform,
                                                                const StatePlace& after, int limit,
                                                                const core::Scope& scope) {
  std::vector<v1::NameState> states;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(const std::string name, NameMeant(asked, scope));
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(name.empty() ? kStates : kStatesOfName));
  if (name.empty()) {
    query->Bind(after.name, after.platform, platform, limit, scope.project(), after.project);
  } else {
    const StatePlace place = after.name == name ? after : StatePlace();
    query->Bind(name, place.platform, platform, limit, scope.project(), place.project);
  }
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return states;
    v1::NameState state = ReadState(*query, 3);
    state.set_name(std::string(query->Text(0)));
    state.set_project(ToldProject(query->Text(2)));
    ASSIGN_OR_RETURN(*state.mutable_platform(), ParsePlatform(query->Text(1)));
    states.push_back(std::move(state));
  }
}

absl::StatusOr<FarmIdentity> StateRecords::Identity() {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kIdentity));
  ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return absl::DataLossError("the record has no identity of the farm");
  return FarmIdentity{std::string(query->Text(0)), std::string(query->Text(1))};
}

absl::Status RecordStates(Connection& connection, const v1::BuildSubmission& submission,
                          const v1::BuildView& view) {
  if (view.has_matrix()) return RecordMatrixStates(connection, view.matrix());
  for (const std::string& name : core::StateNames(submission)) {
    for (const v1::CellView& cell : view.cells()) {
      RETURN_IF_ERROR(RecordState(connection, name, FormatPlatform(cell.platform()),
                                  core::HistoryRowOf(submission, view, cell), submission.project()));
    }
  }
  return absl::OkStatus();
}

absl::Status FillStates(Database& database) {
  // Those that there are were kept up in the transactions that ended builds.
  ASSIGN_OR_RETURN(const int64_t known, database.QueryInt64(kCountStates));
  if (known != 0) return absl::OkStatus();
  PreparedStatements statements(database);
  const auto run = [&statements](const Sql& sql, const auto&... values) {
    return statements.Run(sql, values...);
  };
  std::map<std::tuple<std::string, std::string, std::string>, v1::NameState> states;
  RETURN_IF_ERROR(ForEachEndedBuild(
      database, "changes no state",
      [&](const v1::BuildSubmission& submission, const v1::BuildView& view) -> absl::Status {
        for (const std::string& name : core::StateNames(submission)) {
          for (const v1::CellView& cell : view.cells()) {
            const std::string platform = FormatPlatform(cell.platform());
            v1::NameState& state = states[{name, platform, submission.project()}];
            state.set_name(name);
            state.set_project(submission.project());
            auto change = core::ApplyToState(core::HistoryRowOf(submission, view, cell), &state);
            if (!change) continue;
            change->set_project(submission.project());
            RETURN_IF_ERROR(run(kSaveChange, name, platform, Blob{change->SerializeAsString()},
                                RecordedProject(submission.project())));
          }
        }
        return absl::OkStatus();
      }));
  for (const auto& [key, state] : states) {
    if (state.status_build() == 0 && state.verdict_build() == 0) continue;
    RETURN_IF_ERROR(SaveState(state, std::get<1>(key), run));
  }
  return absl::OkStatus();
}

}  // namespace crossmill::storage
