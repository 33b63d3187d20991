#include "common/attest/packages_statement.h"

#include <map>
#include <tuple>
#include <utility>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::attest {
namespace {

SortedJson Property(const std::string& name, const std::string& value) {
  return {{"name", "crossmill:" + name}, {"value", value}};
}

SortedJson Component(const InstalledPackage& installed) {
  const v1::PackageOutcome& package = installed.outcome;
  const std::string url = PackageUrl(package.name(), package.version());
  SortedJson json = {{"type", "library"},
                     {"name", package.name()},
                     {"version", package.version()},
                     {"purl", url},
                     {"scope", installed.in_image_stage ? "required" : "optional"},
                     // The same release may be in several environments.
                     {"bom-ref", fmt::format("{}#{}:{}", url, EncodePercent(installed.stage),
                                             EncodePercent(package.environment()))}};
  SortedJson& properties = json["properties"];
  properties = SortedJson::array();
  properties.push_back(Property("outcome", std::string(Word(package.outcome()))));
  properties.push_back(Property("stage", installed.stage));
  if (!package.environment().empty()) properties.push_back(Property("environment", package.environment()));
  if (!package.tag().empty()) properties.push_back(Property("tag", package.tag()));
  if (!package.file_name().empty()) properties.push_back(Property("file", package.file_name()));
  if (package.emulated()) properties.push_back(Property("emulated", "true"));
  if (!package.conflict().empty()) properties.push_back(Property("conflict", package.conflict()));
  return json;
}

}  // namespace

bool IsListed(const InstalledPackage& installed) {
  const v1::PackageOutcome& package = installed.outcome;
  return package.installed() && package.outcome() != v1::OUTCOME_FAILED && package.scope() != "build-dep";
}

std::string PackageUrl(const std::string& name, const std::string& version) {
  std::string url = "pkg:pypi/" + EncodePercent(name);
  if (!version.empty()) url += "@" + EncodePercent(version);
  return url;
}

Statement PackagesStatement(const PackagesFacts& facts) {
  std::map<std::tuple<std::string, std::string, std::string, std::string>, SortedJson> components;
  for (const InstalledPackage& installed : facts.packages) {
    const v1::PackageOutcome& package = installed.outcome;
    if (!IsListed(installed)) continue;
    components[{package.name(), package.version(), package.environment(), installed.stage}] =
        Component(installed);
  }
  Statement statement;
  statement.predicate_type = kCycloneDxPredicate;
  const std::string platform = FormatPlatform(facts.cell->platform());
  statement.subjects.push_back({platform, facts.cell->image_manifest().hash()});
  SortedJson list = SortedJson::array();
  for (auto& [key, component] : components) list.push_back(std::move(component));
  const std::string digest = "sha256:" + facts.cell->image_manifest().hash();
  // No serial number and no time of writing: the same image and record give the same document.
  statement.predicate = {
      {"bomFormat", "CycloneDX"},
      {"specVersion", "1.5"},
      {"version", 1},
      {"metadata",
       {{"component", {{"type", "container"}, {"name", digest}, {"version", digest}, {"bom-ref", digest}}},
        {"properties",
         {Property("platform", platform),
          Property("covers", "Python packages that the steps of this build installed")}}}},
      {"components", std::move(list)},
      {"compositions", {{{"aggregate", "incomplete"}, {"assemblies", {digest}}}}}};
  return statement;
}

}  // namespace crossmill::attest
