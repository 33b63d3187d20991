#include "cli/pipeline/sarif.h"

#include <map>

#include "absl/strings/str_join.h"
#include "cli/pipeline/findings.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::cli {
namespace {

Json EmptyDocument() {
  return {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
      {"version", "2.1.0"},
      {"runs",
       Json::array({{{"tool",
                      {{"driver",
                        {{"name", "crossmill"}, {"version", CROSSMILL_VERSION}, {"rules", Json::array()}}}}},
                     {"columnKind", "unicodeCodePoints"},
                     {"results", Json::array()}}})}};
}

std::string TextOf(const RunFinding& finding) {
  std::string text = PlacedMessage(finding);
  if (!finding.details.empty()) text += "\n" + absl::StrJoin(finding.details, "\n");
  return text;
}

Json ResultOf(const RunFinding& finding, size_t rule) {
  Json result = {{"ruleId", finding.rule},
                 {"ruleIndex", rule},
                 {"level", finding.error ? "error" : "warning"},
                 {"message", {{"text", TextOf(finding)}}},
                 {"locations", Json::array()},
                 {"partialFingerprints", {{"crossmill/v1", FingerprintOf(finding)}}},
                 {"properties",
                  {{"build", finding.build},
                   {"platform", TextOrNull(finding.platform)},
                   {"combination", TextOrNull(finding.combination)}}}};
  if (finding.file.empty()) return result;
  Json place = {{"artifactLocation", {{"uri", UriOf(finding.file)}}}};
  if (finding.first_line > 0)
    place["region"] = {{"startLine", finding.first_line}, {"endLine", finding.last_line}};
  result["locations"].push_back({{"physicalLocation", std::move(place)}});
  return result;
}

}  // namespace

std::string UriOf(std::string_view path) {
  const std::string uri = EncodePercent(path, "/");
  return path.starts_with('/') ? "file://" + uri : uri;
}

Json SarifDocument(const PipelineRun& run, Json check) {
  Json document = check.is_null() ? EmptyDocument() : std::move(check);
  Json& told = document["runs"][0];
  Json& rules = told["tool"]["driver"]["rules"];
  std::map<std::string, size_t> index;
  for (const RunRule& rule : RunRules()) {
    index[std::string(rule.id)] = rules.size();
    rules.push_back({{"id", rule.id},
                     {"name", rule.id},
                     {"shortDescription", {{"text", rule.summary}}},
                     {"defaultConfiguration", {{"level", rule.error ? "error" : "warning"}}}});
  }
  for (const RunFinding& finding : FindingsOf(run))
    told["results"].push_back(ResultOf(finding, index[finding.rule]));
  Json invocation = {{"executionSuccessful", run.incomplete.empty()}};
  if (run.incomplete.empty()) {
    invocation["exitCode"] = run.exit_code;
  } else {
    invocation["toolExecutionNotifications"] =
        Json::array({{{"level", "error"}, {"message", {{"text", run.incomplete}}}}});
  }
  told["invocations"] = Json::array({std::move(invocation)});
  return document;
}

}  // namespace crossmill::cli
