// The SQL of PackageQueries, apart from what is done with it: tests look at how each is answered (EXPLAIN
// QUERY PLAN). CROSS JOIN keeps SQLite to the order that is written.
#pragma once

#include "coordinator/storage/package_row.h"
#include "coordinator/storage/people/project_sql.h"
#include "coordinator/storage/sqlite.h"

namespace crossmill::storage {

// The values of an index's column under a prefix, each by one look.
#define NEXT_VALUES(column, table, where)                                                 \
  "WITH RECURSIVE each_one(value) AS (SELECT min(" column ") FROM " table " WHERE " where \
  " UNION ALL "                                                                           \
  "SELECT (SELECT min(" column ") FROM " table " WHERE " where " AND " column             \
  " > each_one.value) "                                                                   \
  "FROM each_one WHERE value IS NOT NULL) SELECT value FROM each_one WHERE value IS NOT NULL"

inline constexpr Sql kPlatformsOfPackage{"list the platforms of a package",
                                         NEXT_VALUES("platform", "package_history", "name = ?1")};
inline constexpr Sql kVersionsOfPackage{"list the versions of a package",
                                        NEXT_VALUES("version", "package_releases", "name = ?1")};
inline constexpr Sql kCompilingPlatforms{"list the platforms of compilations",
                                         NEXT_VALUES("platform", "compilations", "true")};

inline constexpr Sql kHistory{
    "read the history of a package",
    "SELECT h.finished_at, h.execution, e.build, e.stage, e.step_number, e.replica, "
    "e.worker, " PACKAGE_COLUMNS
    " FROM package_history h CROSS JOIN executions e ON e.id = h.execution "
    "CROSS JOIN packages p ON p.execution = h.execution AND p.position = h.position "
    "WHERE h.name = ?1 AND h.platform = ?2 AND h.finished_at >= ?3 AND " BUILD_SEEN(
        "e", "?5") " ORDER BY h.finished_at DESC, h.execution DESC, h.position DESC LIMIT ?4"};

inline constexpr Sql kCompilations{
    "read what was compiled",
    "SELECT name, version, seconds, failed, emulated, replica, build_dependency, finished_at, build "
    "FROM compilations WHERE platform = ?1 AND finished_at >= ?2 AND " BUILD_SEEN(
        "compilations", "?3") " ORDER BY finished_at"};

// Without the hint SQLite would go through all that was compiled on the platform, newest first.
inline constexpr Sql kOtherWay{
    "look up a compilation",
    "SELECT seconds, build, execution FROM compilations INDEXED BY compilations_by_release "
    "WHERE name = ?1 AND version = ?2 AND platform = ?3 AND "
    "tag = ?4 AND emulated = ?5 AND failed = 0 AND seconds IS NOT NULL AND " BUILD_SEEN(
        "compilations", "?6") " ORDER BY finished_at DESC LIMIT 1"};

inline constexpr Sql kEarlierSameArguments{
    "look up the last build of a recipe with the same arguments",
    "SELECT build, finished_at FROM recipe_cells WHERE recipe = ?1 AND platform = ?2 AND arguments = ?3 AND "
    "finished_at <= ?4 ORDER BY finished_at DESC, build DESC LIMIT 1"};
inline constexpr Sql kEarlier{
    "look up the last build of a recipe",
    "SELECT build, finished_at FROM recipe_cells WHERE recipe = ?1 AND platform = ?2 AND finished_at <= ?3 "
    "ORDER BY finished_at DESC, build DESC LIMIT 1"};

// ---- uses ----

inline constexpr Sql kFirstBuildSince{
    "find the first build since a time",
    "SELECT build FROM ended_builds WHERE submitted_at >= ?1 ORDER BY submitted_at, build LIMIT 1"};
inline constexpr Sql kCountRelease{
    "count the executions with a release",
    "SELECT count(*) FROM (SELECT 1 FROM package_releases WHERE name = ?1 AND version = ?2 LIMIT ?3)"};
// With the newest build that has the execution, if its platform is ?3 ('': any).
inline constexpr Sql kExecutionsWithRelease{
    "list the executions with a release",
    "SELECT r.execution, r.position, (SELECT CASE WHEN ?3 = '' OR s.platform = ?3 THEN s.build END "
    "FROM package_steps s WHERE s.execution = r.execution AND " BUILD_SEEN(
        "s",
        "?4") " ORDER BY s.build DESC LIMIT 1) FROM package_releases r WHERE r.name = ?1 AND r.version = ?2"};
inline constexpr Sql kStepsOfExecution{
    "list the steps of a build that have an execution",
    "SELECT stage, step_number FROM package_steps WHERE execution = ?1 AND build = ?2 "
    "ORDER BY stage, step_number"};
inline constexpr Sql kBuildBefore{
    "find the build before one that has an execution",
    "SELECT build FROM package_steps WHERE execution = ?1 AND build < ?2 AND build >= ?3 AND " BUILD_SEEN(
        "package_steps", "?4") " ORDER BY build DESC LIMIT 1"};
// Every step, newest build first, with the position of the package where it has it.
inline constexpr Sql kWalkSteps{
    "walk the steps of builds",
    "SELECT s.build, s.stage, s.step_number, s.execution, h.position FROM package_steps s "
    "LEFT JOIN package_history h ON h.name = ?1 AND h.platform = s.platform AND "
    "h.finished_at = s.finished_at AND h.execution = s.execution "
    "WHERE s.build >= ?2 AND (?3 = '' OR s.platform = ?3) AND " BUILD_SEEN(
        "s", "?4") " ORDER BY s.build DESC, s.stage DESC, s.step_number DESC"};
inline constexpr Sql kVersionAt{
    "look up a package", "SELECT version, outcome FROM packages WHERE execution = ?1 AND position = ?2"};
inline constexpr Sql kUse{
    "read the use of a package",
    "SELECT b.status, b.submitted_at, b.finished_at, b.label, e.build, s.stage_name, s.platform, "
    "s.execution, " PACKAGE_COLUMNS
    " FROM package_steps s CROSS JOIN ended_builds b ON b.build = s.build "
    "CROSS JOIN executions e ON e.id = s.execution "
    "CROSS JOIN packages p ON p.execution = s.execution AND p.position = ?4 "
    "WHERE s.build = ?1 AND s.stage = ?2 AND s.step_number = ?3"};

#undef NEXT_VALUES

// All of them.
inline constexpr const Sql* kPackageStatements[] = {
    &kPlatformsOfPackage,
    &kVersionsOfPackage,
    &kCompilingPlatforms,
    &kHistory,
    &kCompilations,
    &kOtherWay,
    &kEarlierSameArguments,
    &kEarlier,
    &kFirstBuildSince,
    &kCountRelease,
    &kExecutionsWithRelease,
    &kStepsOfExecution,
    &kBuildBefore,
    &kWalkSteps,
    &kVersionAt,
    &kUse,
};

}  // namespace crossmill::storage
