// Any bytes as a requirement, a requirements file, a version, a specifier and a file name: no crash, errors
// with a text, and what was read and written is read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/python/requirements_file.h"
#include "common/python/sdist_name.h"
#include "common/python/tags.h"
#include "common/python/wheel_name.h"

namespace {

using namespace crossmill::python;  // NOLINT(google-build-using-namespace): one room

void Expect(bool holds) {
  if (!holds) abort();
}

void CheckSpecifiers(const SpecifierSet& set, const Version& version) {
  const auto again = SpecifierSet::Parse(set.Text());
  Expect(again.ok() && again->Text() == set.Text());
  Expect(again->Contains(version) == set.Contains(version));
}

void CheckRequirement(const Requirement& requirement, const Version& version) {
  Expect(!requirement.name.empty());
  CheckSpecifiers(requirement.specifier, version);
  if (!requirement.marker.has_value()) return;
  const auto again = Marker::Parse(requirement.marker->Text());
  Expect(again.ok() && again->Text() == requirement.marker->Text());
  const MarkerEnvironment environment = {
      {"python_version", "3.11"}, {"os_name", "posix"}, {"sys_platform", "linux"}};
  const auto first = requirement.marker->Evaluate(environment);
  const auto second = again->Evaluate(environment);
  Expect(first.ok() == second.ok() && (!first.ok() || *first == *second));
}

void CheckVersion(const Version& version) {
  const auto again = Version::Parse(version.Text());
  Expect(again.ok() && *again == version && again->Text() == version.Text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Version version;
  if (const auto read = Version::Parse(text.substr(0, text.find(' '))); read.ok()) {
    version = *read;
    CheckVersion(version);
  }
  if (const auto requirement = Requirement::Parse(text); requirement.ok()) {
    CheckRequirement(*requirement, version);
  } else {
    Expect(!requirement.status().message().empty());
  }
  if (const auto set = SpecifierSet::Parse(text); set.ok()) CheckSpecifiers(*set, version);
  if (const auto file = ParseRequirementsFile(text, "r", {{"VALUE", "1"}}); file.ok()) {
    for (const RequirementLine& line : file->requirements) {
      Expect(line.line > 0);
      if (line.requirement.has_value()) CheckRequirement(*line.requirement, version);
    }
  }
  if (const auto wheel = WheelName::Parse(text); wheel.ok()) {
    CheckVersion(wheel->version);
    const auto ranks = TagRanks::Of({3, 11, false, "x86_64", false, {Libc::Kind::kGlibc, 2, 36}, true});
    Expect(ranks.ok());
    if (ranks->Rank(*wheel).has_value()) Expect(ranks->FitsPlatform(*wheel) && ranks->FitsPython(*wheel));
  }
  if (const auto sdist = SdistName::Parse(text); sdist.ok()) CheckVersion(sdist->version);
  return 0;
}
