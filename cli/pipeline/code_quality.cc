#include "cli/pipeline/code_quality.h"

#include <algorithm>

#include "cli/pipeline/findings.h"
#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

Json Entry(const std::string& rule, std::string description, std::string fingerprint,
           std::string_view severity, std::string_view file, uint32_t line) {
  // A path and a line are required.
  return {{"description", std::move(description)},
          {"check_name", rule},
          {"fingerprint", std::move(fingerprint)},
          {"severity", severity},
          {"location",
           {{"path", file.empty() ? "Dockerfile" : file}, {"lines", {{"begin", std::max(line, 1U)}}}}}};
}

void AddCheck(const Json& check, const std::string& dockerfile, Json* entries) {
  if (check.is_null()) return;
  for (const Json& result : check["runs"][0]["results"]) {
    const std::string rule = result["ruleId"];
    const std::string text = result["message"]["text"];
    const std::string level = result["level"];
    uint32_t line = 0;
    for (const Json& location : result["locations"]) {
      const Json& place = location["physicalLocation"];
      if (place.contains("region")) line = place["region"]["startLine"];
    }
    entries->push_back(Entry(rule, text, Sha256Hex(fmt::format("{}\n{}\n{}", rule, dockerfile, text)),
                             level == "error"     ? "major"
                             : level == "warning" ? "minor"
                                                  : "info",
                             dockerfile, line));
  }
}

}  // namespace

Json CodeQualityDocument(const PipelineRun& run, const Json& check) {
  Json entries = Json::array();
  AddCheck(check, run.dockerfile, &entries);
  for (const RunFinding& finding : FindingsOf(run)) {
    entries.push_back(Entry(finding.rule, PlacedMessage(finding), FingerprintOf(finding),
                            finding.error ? "blocker" : "minor", finding.file, finding.first_line));
  }
  return entries;
}

}  // namespace crossmill::cli
