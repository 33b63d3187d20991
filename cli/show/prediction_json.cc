#include "cli/show/prediction_json.h"

#include <fmt/format.h>

#include "cli/show/csv.h"
#include "cli/show/render_prediction.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

Json PredictedPackageJson(const v1::PredictedPackage& package) {
  Json reasons = Json::array();
  for (const v1::PredictedReason& reason : package.reasons()) {
    reasons.push_back({{"kind", reason.kind()},
                       {"evidence", TextOrNull(reason.evidence())},
                       {"sentence", reason.sentence()}});
  }
  Json required_by = Json::array();
  for (const v1::PredictedRequirer& requirer : package.required_by())
    required_by.push_back({{"name", TextOrNull(requirer.name())}, {"text", requirer.text()}});
  return {{"name", TextOrNull(package.name())},
          {"version", TextOrNull(package.version())},
          {"extras", TextsJson(package.extras())},
          {"outcome", PredictedWord(package)},
          {"scope", package.scope()},
          {"file_name", TextOrNull(package.file_name())},
          {"location", TextOrNull(package.location())},
          {"size_bytes", package.size() == 0 ? Json(nullptr) : Json(package.size())},
          {"reasons", std::move(reasons)},
          {"help", TextsJson(package.help())},
          {"certain", package.certainty() == v1::CERTAINTY_CERTAIN},
          {"doubts", TextsJson(package.doubts())},
          {"required_by", std::move(required_by)},
          {"needed_by", TextOrNull(package.needed_by())},
          {"dependencies_known", !package.dependencies_unknown()}};
}

Json PredictedInstallJson(const v1::PredictedInstall& install) {
  Json packages = Json::array();
  for (const v1::PredictedPackage& package : install.packages())
    packages.push_back(PredictedPackageJson(package));
  Json python(nullptr);
  if (install.has_python()) {
    python = {{"path", install.python().path()},
              {"version", install.python().version()},
              {"abi", install.python().abi()},
              {"machine", install.python().machine()},
              {"libc", TextOrNull(install.python().libc())},
              {"virtual_environment", install.python().virtual_environment()}};
  }
  return {{"command", install.source()},        {"tool", install.tool()},
          {"python", std::move(python)},        {"conditional", install.conditional()},
          {"known", !install.unknown()},        {"solved", install.solved()},
          {"packages", std::move(packages)},    {"failure", TextsJson(install.failure())},
          {"notes", TextsJson(install.notes())}};
}

std::string_view DifferenceWord(v1::PredictionDifference::Kind kind) {
  switch (kind) {
    case v1::PredictionDifference::KIND_VERSION:
      return "version";
    case v1::PredictionDifference::KIND_OUTCOME:
      return "outcome";
    case v1::PredictionDifference::KIND_FILE:
      return "file";
    case v1::PredictionDifference::KIND_MISSING:
      return "missing";
    case v1::PredictionDifference::KIND_UNEXPECTED:
      return "unexpected";
    default:
      return "";
  }
}

Json PredictionDifferenceJson(const v1::PredictionDifference& difference) {
  return {{"kind", DifferenceWord(difference.kind())},
          {"name", difference.name()},
          {"scope", difference.scope()},
          {"sentence", difference.sentence()},
          {"was_doubtful", difference.was_doubtful()}};
}

Json PredictedStepJson(const v1::PredictedStep& step) {
  Json cached = Json::array();
  for (const v1::PredictionDifference& difference : step.cached_differences())
    cached.push_back(PredictionDifferenceJson(difference));
  Json installs = Json::array();
  for (const v1::PredictedInstall& install : step.installs())
    installs.push_back(PredictedInstallJson(install));
  Json gaps = Json::array();
  for (const v1::PredictedGap& gap : step.gaps())
    gaps.push_back({{"command", gap.source()}, {"why", gap.why()}});
  return {{"line", step.line()},
          {"stage_name", step.stage()},
          {"step", step.step_number()},
          {"runs_on", TextOrNull(step.runs_on())},
          {"cached", step.cached_execution() != 0},
          {"cached_differences", std::move(cached)},
          {"installs", std::move(installs)},
          {"not_predicted", std::move(gaps)},
          {"doubts", TextsJson(step.doubts())}};
}

Json PredictionMatrixJson(const v1::PredictionMatrix& matrix) {
  Json rows = Json::array();
  for (const v1::PredictedRow& row : matrix.rows()) {
    Json cells = Json::array();
    for (const v1::PredictedRow::Cell& cell : row.cells()) {
      const bool nowhere = cell.versions().empty() && cell.outcome() == v1::OUTCOME_UNSPECIFIED;
      const std::string_view word = cell.outcome() == v1::OUTCOME_FAILED        ? "none"
                                    : cell.outcome() == v1::OUTCOME_UNSPECIFIED ? "there"
                                                                                : Word(cell.outcome());
      cells.push_back({{"versions", TextsJson(cell.versions())},
                       {"outcome", nowhere ? Json(nullptr) : Json(word)},
                       {"certain", cell.certainty() != v1::CERTAINTY_DOUBTFUL}});
    }
    rows.push_back({{"name", row.name()}, {"scope", row.scope()}, {"cells", std::move(cells)}});
  }
  return {{"platforms", TextsJson(matrix.platforms())}, {"rows", std::move(rows)}};
}

Json ObservedStepJson(const v1::ObservedStep& step) {
  Json packages = Json::array();
  for (const v1::PackageOutcome& package : step.packages()) {
    packages.push_back({{"name", package.name()},
                        {"version", TextOrNull(package.version())},
                        {"outcome", Word(package.outcome())},
                        {"scope", package.scope()},
                        {"file_name", TextOrNull(package.file_name())}});
  }
  Json differences = Json::array();
  for (const v1::PredictionDifference& difference : step.differences())
    differences.push_back(PredictionDifferenceJson(difference));
  return {{"platform", step.platform()},          {"line", step.line()},
          {"stage_name", step.stage()},           {"step", step.step_number()},
          {"executed", step.executed()},          {"packages", std::move(packages)},
          {"differences", std::move(differences)}};
}

std::string Sentences(const v1::PredictedPackage& package) {
  std::string text;
  for (const v1::PredictedReason& reason : package.reasons())
    text += (text.empty() ? "" : " ") + reason.sentence();
  return text;
}

std::string HelpOf(const v1::PredictedPackage& package) {
  std::string text;
  for (const std::string& help : package.help()) text += (text.empty() ? "" : " ") + help;
  return text;
}

}  // namespace

Json ForecastJson(const v1::Forecast& forecast) {
  Json platforms = Json::array();
  for (const v1::PlatformPrediction& platform : forecast.prediction().platforms()) {
    Json steps = Json::array();
    for (const v1::PredictedStep& step : platform.steps()) steps.push_back(PredictedStepJson(step));
    platforms.push_back({{"platform", platform.platform()},
                         {"failure", TextOrNull(platform.failure())},
                         {"steps", std::move(steps)}});
  }
  Json past = Json::array();
  for (const v1::PastCompile& one : forecast.past_compiles()) {
    past.push_back({{"name", one.name()},
                    {"version", one.version()},
                    {"platform", one.platform()},
                    {"seconds", one.seconds()},
                    {"emulated", one.emulated()},
                    {"build_id", one.build_id()}});
  }
  Json observed = Json::array();
  for (const v1::ObservedStep& step : forecast.observed()) observed.push_back(ObservedStepJson(step));
  return {{"build_id", forecast.build_id() == 0 ? Json(nullptr) : Json(forecast.build_id())},
          {"platforms", std::move(platforms)},
          {"matrix", PredictionMatrixJson(forecast.matrix())},
          {"past_compiles", std::move(past)},
          {"observed", std::move(observed)},
          {"notes", TextsJson(forecast.notes())}};
}

std::string ForecastCsv(const v1::Forecast& forecast) {
  std::string text =
      "platform,line,stage,command,name,version,outcome,scope,certain,file_name,location,size_bytes,needed_"
      "by,"
      "why,help\r\n";
  for (const v1::PlatformPrediction& platform : forecast.prediction().platforms()) {
    for (const v1::PredictedStep& step : platform.steps()) {
      for (const v1::PredictedInstall& install : step.installs()) {
        for (const v1::PredictedPackage& package : install.packages()) {
          text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\r\n",
                              step.runs_on().empty() ? platform.platform() : step.runs_on(), step.line(),
                              CsvField(step.stage()), CsvField(install.source()), CsvField(package.name()),
                              CsvField(package.version()), PredictedWord(package), package.scope(),
                              package.certainty() == v1::CERTAINTY_CERTAIN ? "yes" : "no",
                              CsvField(package.file_name()), CsvField(package.location()), package.size(),
                              CsvField(package.needed_by()), CsvField(Sentences(package)),
                              CsvField(HelpOf(package)));
        }
      }
    }
  }
  return text;
}

}  // namespace crossmill::cli
