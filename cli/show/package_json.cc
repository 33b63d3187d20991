#include "cli/show/package_json.h"

#include <string_view>

#include "cli/show/csv.h"
#include "cli/show/json_output.h"
#include "cli/show/text.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

// Below that the times of a console are too coarse for a ratio.
constexpr double kShortestNative = 1;

Json WhenJson(int64_t nanos) { return nanos == 0 ? Json(nullptr) : Json(FormatRfc3339(nanos)); }

Json KnownSeconds(double seconds) { return seconds < 0 ? Json(nullptr) : Json(seconds); }

template <typename Row>
Json PlatformJson(const Row& row) {
  return row.has_platform() ? Json(FormatPlatform(row.platform())) : Json(nullptr);
}

Json OutcomeJson(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_UNSPECIFIED ? Json(nullptr) : Json(Word(outcome));
}

template <typename Row>
Json OtherWayJson(const Row& row) {
  if (!row.has_other_way()) return nullptr;
  const double ratio = EmulationRatio(row.package(), row.other_way());
  return {{"emulated", !row.package().emulated()},
          {"seconds", row.other_way().seconds()},
          {"build", row.other_way().build_id()},
          {"execution", row.other_way().execution()},
          {"ratio", ratio < 0 ? Json(nullptr) : Json(ratio)}};
}

Json ChangeJson(const v1::PackageChange& change) {
  return {{"platform", FormatPlatform(change.platform())},
          {"name", change.name()},
          {"scope", change.scope()},
          {"kind", Word(change.kind())},
          {"version", TextOrNull(change.version())},
          {"outcome", OutcomeJson(change.outcome())},
          {"seconds", KnownSeconds(change.seconds())},
          {"build_before", change.build_before()},
          {"version_before", TextOrNull(change.version_before())},
          {"outcome_before", OutcomeJson(change.outcome_before())},
          {"seconds_before", KnownSeconds(change.seconds_before())}};
}

// What is said of the package in every list.
void AddPackage(const v1::PackageOutcome& package, Json* row) {
  row->update({{"name", package.name()},
               {"version", package.version()},
               {"outcome", Word(package.outcome())},
               {"scope", package.scope()},
               {"tag", TextOrNull(package.tag())},
               {"seconds", KnownSeconds(package.seconds())},
               {"failure_class", TextOrNull(package.failure_class())},
               {"emulated", package.emulated()},
               {"environment", TextOrNull(package.environment())},
               {"installed", package.installed()}});
}

Json HistoryRowJson(const v1::PackageHistoryRow& row) {
  Json json = {{"finished_at", WhenJson(row.finished_at())},
               {"build", row.build_id()},
               {"platform", PlatformJson(row)},
               {"stage", row.stage()},
               {"step", row.step_number()},
               {"replica", row.replica()},
               {"worker", TextOrNull(row.worker())},
               {"execution", row.execution()}};
  AddPackage(row.package(), &json);
  json["other_way"] = OtherWayJson(row);
  return json;
}

Json CompiledRowJson(const v1::CompiledPackage& row) {
  return {{"name", row.name()},
          {"version", TextOrNull(row.version())},
          {"platform", PlatformJson(row)},
          {"times", row.times()},
          {"seconds", row.seconds()},
          {"timed", row.timed()},
          {"mean_seconds",
           row.timed() == 0 ? Json(nullptr) : Json(row.seconds() / static_cast<double>(row.timed()))},
          {"emulated", row.emulated()},
          {"emulated_seconds", row.emulated_seconds()},
          {"replicas", row.replicas()},
          {"build_dependencies", row.build_dependencies()},
          {"failed", row.failed()},
          {"failed_seconds", row.failed_seconds()},
          {"last_finished_at", WhenJson(row.last_finished_at())},
          {"last_build", row.last_build_id()}};
}

Json UseJson(const v1::PackageUse& row) {
  Json json = {{"build", row.build_id()},
               {"status", Word(row.status())},
               {"recipe", row.recipe()},
               {"submitted_at", WhenJson(row.submitted_at())},
               {"finished_at", WhenJson(row.finished_at())},
               {"platform", PlatformJson(row)},
               {"stage", row.stage()},
               {"stage_name", row.stage_name()},
               {"step", row.step_number()},
               {"executed_by", row.executed_by()},
               {"execution", row.execution()}};
  AddPackage(row.package(), &json);
  return json;
}

template <typename Rows, typename Function>
Json RowsJson(const Rows& rows, Function function) {
  Json list = Json::array();
  for (const auto& row : rows) list.push_back(function(row));
  return list;
}

constexpr std::string_view kPackageColumns[] = {"platform",
                                                "stage",
                                                "stage_name",
                                                "step",
                                                "name",
                                                "version",
                                                "outcome",
                                                "scope",
                                                "tag",
                                                "file_name",
                                                "seconds",
                                                "built_digest",
                                                "built_bytes",
                                                "failure_class",
                                                "failure_line",
                                                "remedy",
                                                "witnesses",
                                                "conflict",
                                                "emulated",
                                                "environment",
                                                "installed",
                                                "execution",
                                                "other_way.emulated",
                                                "other_way.seconds",
                                                "other_way.build",
                                                "other_way.execution",
                                                "other_way.ratio",
                                                "changes"};
constexpr std::string_view kHistoryColumns[] = {"finished_at",
                                                "build",
                                                "platform",
                                                "stage",
                                                "step",
                                                "replica",
                                                "worker",
                                                "execution",
                                                "name",
                                                "version",
                                                "outcome",
                                                "scope",
                                                "tag",
                                                "seconds",
                                                "failure_class",
                                                "emulated",
                                                "environment",
                                                "installed",
                                                "other_way.emulated",
                                                "other_way.seconds",
                                                "other_way.build",
                                                "other_way.execution",
                                                "other_way.ratio"};
constexpr std::string_view kCompiledColumns[] = {"name",
                                                 "version",
                                                 "platform",
                                                 "times",
                                                 "seconds",
                                                 "timed",
                                                 "mean_seconds",
                                                 "emulated",
                                                 "emulated_seconds",
                                                 "replicas",
                                                 "build_dependencies",
                                                 "failed",
                                                 "failed_seconds",
                                                 "last_finished_at",
                                                 "last_build"};
constexpr std::string_view kUseColumns[] = {
    "build",      "status", "recipe",      "submitted_at",  "finished_at", "platform",    "stage",
    "stage_name", "step",   "executed_by", "execution",     "name",        "version",     "outcome",
    "scope",      "tag",    "seconds",     "failure_class", "emulated",    "environment", "installed"};

}  // namespace

double EmulationRatio(const v1::PackageOutcome& package, const v1::OtherWay& other) {
  const double native = package.emulated() ? other.seconds() : package.seconds();
  const double emulated = package.emulated() ? package.seconds() : other.seconds();
  return native < kShortestNative || emulated < 0 ? -1 : emulated / native;
}

Json PackagesJson(const BuildReport& report) {
  return RowsJson(report.packages, [&](const v1::PackageRow& row) {
    Json json = PackageJson(row);
    json["other_way"] = OtherWayJson(row);
    json["changes"] = Json::array();
    for (const v1::PackageChange& change : report.changes) {
      if (change.name() == row.package().name() && change.scope() == row.package().scope() &&
          SamePlatform(change.platform(), row.platform()))
        json["changes"].push_back(Word(change.kind()));
    }
    return json;
  });
}

Json PackageChangesJson(const BuildReport& report) { return RowsJson(report.changes, ChangeJson); }

Json EarlierBuildsJson(const BuildReport& report) {
  return RowsJson(report.earlier, [](const v1::EarlierBuild& earlier) {
    return Json{{"platform", FormatPlatform(earlier.platform())},
                {"build", earlier.build_id()},
                {"finished_at", WhenJson(earlier.finished_at())},
                {"same_arguments", !earlier.other_arguments()},
                {"recipe", earlier.recipe()}};
  });
}

Json HistoryJson(const v1::PackageHistoryResponse& history) {
  return {{"rows", RowsJson(history.rows(), HistoryRowJson)}, {"more", history.more()}};
}

Json CompiledJson(const v1::CompiledPackagesResponse& compiled) {
  return {{"rows", RowsJson(compiled.rows(), CompiledRowJson)},
          {"more", compiled.more()},
          {"releases", compiled.releases()},
          {"times", compiled.times()},
          {"seconds", compiled.seconds()},
          {"failed", compiled.failed()},
          {"failed_seconds", compiled.failed_seconds()}};
}

Json UsesJson(const v1::PackageUsesResponse& uses) {
  return {{"rows", RowsJson(uses.rows(), UseJson)}, {"more", uses.more()}};
}

std::string PackagesCsv(const BuildReport& report) {
  return CsvOfRows(PackagesJson(report), kPackageColumns);
}

std::string HistoryCsv(const v1::PackageHistoryResponse& history) {
  return CsvOfRows(HistoryJson(history)["rows"], kHistoryColumns);
}

std::string CompiledCsv(const v1::CompiledPackagesResponse& compiled) {
  return CsvOfRows(CompiledJson(compiled)["rows"], kCompiledColumns);
}

std::string UsesCsv(const v1::PackageUsesResponse& uses) {
  return CsvOfRows(UsesJson(uses)["rows"], kUseColumns);
}

}  // namespace crossmill::cli
