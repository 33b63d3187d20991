#include "common/attest/packages_spdx.h"

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::attest {
namespace {

constexpr char kDocument[] = "SPDXRef-DOCUMENT";
constexpr char kImage[] = "SPDXRef-Image";
constexpr char kUnknown[] = "NOASSERTION";

// SPDX has no fractions of seconds.
std::string SecondsText(int64_t unix_nanos) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(unix_nanos / 1'000'000'000),
                          absl::UTCTimeZone());
}

SortedJson Unanalyzed(std::string id, const std::string& name) {
  return {{"SPDXID", std::move(id)},      {"name", name},
          {"downloadLocation", kUnknown}, {"filesAnalyzed", false},
          {"licenseConcluded", kUnknown}, {"licenseDeclared", kUnknown},
          {"copyrightText", kUnknown}};
}

SortedJson SpdxPackage(std::string id, const InstalledPackage& installed) {
  const v1::PackageOutcome& package = installed.outcome;
  SortedJson json = Unanalyzed(std::move(id), package.name());
  if (!package.version().empty()) json["versionInfo"] = package.version();
  json["externalRefs"] = {{{"referenceCategory", "PACKAGE-MANAGER"},
                           {"referenceType", "purl"},
                           {"referenceLocator", PackageUrl(package.name(), package.version())}}};
  json["comment"] = fmt::format("{} in stage {}{}", Word(package.outcome()), installed.stage,
                                installed.in_image_stage ? "" : ", in the image as far as it was copied");
  return json;
}

SortedJson Relation(const std::string& from, const std::string& kind, const std::string& to) {
  return {{"spdxElementId", from}, {"relationshipType", kind}, {"relatedSpdxElement", to}};
}

}  // namespace

Statement SpdxStatement(const PackagesFacts& facts, int64_t created_at) {
  std::map<std::tuple<std::string, std::string, std::string, std::string>, const InstalledPackage*> chosen;
  for (const InstalledPackage& installed : facts.packages) {
    if (!IsListed(installed)) continue;
    const v1::PackageOutcome& package = installed.outcome;
    chosen[{package.name(), package.version(), package.environment(), installed.stage}] = &installed;
  }
  const std::string platform = FormatPlatform(facts.cell->platform());
  const std::string digest = "sha256:" + facts.cell->image_manifest().hash();
  SortedJson packages = SortedJson::array();
  SortedJson image = Unanalyzed(kImage, digest);
  image["versionInfo"] = digest;
  image["primaryPackagePurpose"] = "CONTAINER";
  packages.push_back(std::move(image));
  SortedJson relations = SortedJson::array();
  relations.push_back(Relation(kDocument, "DESCRIBES", kImage));
  int number = 0;
  for (const auto& [key, installed] : chosen) {
    const std::string id = fmt::format("SPDXRef-Package-{}", ++number);
    packages.push_back(SpdxPackage(id, *installed));
    relations.push_back(Relation(kImage, "CONTAINS", id));
  }
  Statement statement;
  statement.predicate_type = kSpdxPredicate;
  statement.subjects.push_back({platform, facts.cell->image_manifest().hash()});
  statement.predicate = {
      {"spdxVersion", "SPDX-2.3"},
      {"dataLicense", "CC0-1.0"},
      {"SPDXID", kDocument},
      {"name", digest},
      {"documentNamespace", "urn:crossmill:spdx:" + digest},
      {"creationInfo", {{"created", SecondsText(created_at)}, {"creators", {"Tool: crossmill"}}}},
      {"comment",
       "Incomplete: it covers the Python packages that the steps of this build installed, and nothing else."},
      {"packages", std::move(packages)},
      {"relationships", std::move(relations)}};
  return statement;
}

}  // namespace crossmill::attest
