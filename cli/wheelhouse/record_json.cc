#include "cli/wheelhouse/record_json.h"

#include <algorithm>
#include <set>

#include "cli/show/text.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/python/wheel_name.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

constexpr std::string_view kForm = "crossmill-wheelhouse-1";

std::string_view WayWord(PlannedPackage::Way way) {
  switch (way) {
    case PlannedPackage::Way::kFetch:
      return "wheel";
    case PlannedPackage::Way::kCompile:
      return "source";
    case PlannedPackage::Way::kNone:
      return "none";
  }
  return "";
}

Json FileJson(const WheelFile& file) {
  return {{"file_name", file.name},
          {"digest", "sha256:" + file.sha256},
          {"bytes", file.size},
          {"requires_python", TextOrNull(file.requires_python)}};
}

Json NumberOrNull(int64_t number) { return number == 0 ? Json(nullptr) : Json(number); }

Json RecordedPackageJson(const PackageRecord& package) {
  Json files = Json::array();
  for (const WheelFile& file : package.files) files.push_back(FileJson(file));
  const bool compiled = package.way == PlannedPackage::Way::kCompile;
  return {{"name", package.name},
          {"version", package.version},
          {"predicted", WayWord(package.way)},
          {"why_no_wheel", package.reasons},
          {"outcome", OutcomeWord(package.outcome)},
          {"seconds", package.seconds < 0 ? Json(nullptr) : Json(package.seconds)},
          {"emulated", package.emulated},
          {"build", NumberOrNull(package.build)},
          {"compiled_in_build", NumberOrNull(package.compiled_in)},
          {"repair", compiled ? TextOrNull(package.statements.repair) : Json(nullptr)},
          {"repair_line", TextOrNull(package.statements.repair_line)},
          {"abi3", compiled ? TextOrNull(package.statements.abi3) : Json(nullptr)},
          {"abi3_line", TextOrNull(package.statements.abi3_line)},
          {"failure_class", TextOrNull(package.failure_class)},
          {"failure_line", TextOrNull(package.failure_line)},
          {"remedy", TextOrNull(package.remedy)},
          {"message", TextOrNull(package.message)},
          {"notes", package.notes},
          {"files", std::move(files)}};
}

Json BuildRequirementsJson(const TargetPlan& plan, const std::string& package) {
  Json list = Json::array();
  for (const BuildRequirement& requirement : plan.build_requirements) {
    if (requirement.needed_by != package) continue;
    list.push_back(
        {{"name", requirement.name}, {"version", requirement.version}, {"predicted", requirement.way}});
  }
  return list;
}

const Json& ListOf(const Json& object, const char* name) {
  static const Json kNone = Json::array();
  if (!object.is_object()) return kNone;
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : kNone;
}

bool IsFolderName(std::string_view name) {
  return !name.empty() && name.size() < 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

Json TargetJson(const TargetRecord& record, const AskedFor& asked) {
  Json packages = Json::array();
  for (const PackageRecord& package : record.packages) packages.push_back(RecordedPackageJson(package));
  return {{"target", record.target.Folder()},
          {"platform", FormatPlatform(record.target.platform)},
          {"python", record.target.python},
          {"status", StatusWord(record.status)},
          {"base", record.target.base},
          {"base_digest", TextOrNull(record.base_digest)},
          {"base_stand_in", record.base_stand_in},
          {"python_version", TextOrNull(record.plan.python_version)},
          {"libc", TextOrNull(record.plan.libc)},
          {"asked",
           {{"files", asked.files},
            {"constraints", asked.constraints},
            {"requirements", asked.requirements},
            {"exclude_newer", TextOrNull(asked.exclude_newer)},
            {"offline", asked.offline},
            {"wheel_cache", asked.wheel_cache},
            {"abi3_check", asked.abi3_check}}},
          {"failure", record.plan.failure},
          {"missing", record.missing},
          {"doubts", record.plan.doubts},
          {"packages", std::move(packages)}};
}

Json WheelhouseJson(absl::Span<const TargetRecord> records, const AskedFor& asked, const Json& before) {
  std::set<std::string> mine;
  Json targets = Json::array();
  for (const TargetRecord& record : records) {
    mine.insert(record.target.Folder());
    targets.push_back(TargetJson(record, asked));
  }
  for (const Json& target : ListOf(before, "targets")) {
    if (!mine.contains(TextMember(target, "target"))) targets.push_back(target);
  }
  return {{"form", kForm}, {"targets", std::move(targets)}};
}

Json BuildOrderJson(absl::Span<const TargetRecord> records) {
  Json targets = Json::array();
  for (const TargetRecord& record : records) {
    Json order = Json::array();
    for (const PlannedPackage* package : BuildOrder(record.plan)) {
      order.push_back({{"name", package->name},
                       {"version", package->version},
                       {"level", package->level},
                       {"in_circle", package->in_circle},
                       {"source", TextOrNull(package->file_name)},
                       {"after", package->needs},
                       {"build_requirements", BuildRequirementsJson(record.plan, package->name)}});
    }
    Json prebuilt = Json::array();
    for (const PlannedPackage& package : record.plan.packages) {
      if (package.way == PlannedPackage::Way::kFetch)
        prebuilt.push_back({{"name", package.name}, {"version", package.version}});
    }
    targets.push_back(
        {{"target", record.target.Folder()}, {"order", std::move(order)}, {"prebuilt", std::move(prebuilt)}});
  }
  return {{"targets", std::move(targets)}};
}

absl::StatusOr<Json> ReadWheelhouseJson(std::string_view text) {
  ASSIGN_OR_RETURN(Json document, ParseJson(text));
  if (TextMember(document, "form") != kForm)
    return absl::InvalidArgumentError("it is no record of crossmill wheels, or of another version of it");
  return document;
}

std::vector<IndexedWheel> ListedWheels(const Json& document) {
  std::vector<IndexedWheel> wheels;
  for (const Json& target : ListOf(document, "targets")) {
    const std::string folder = TextMember(target, "target");
    if (!IsFolderName(folder)) continue;
    for (const Json& package : ListOf(target, "packages")) {
      for (const Json& file : ListOf(package, "files")) {
        IndexedWheel wheel{TextMember(package, "name"), TextMember(package, "version"), folder, {}};
        wheel.file.name = TextMember(file, "file_name");
        wheel.file.requires_python = TextMember(file, "requires_python");
        const auto hash = HashOfOci(TextMember(file, "digest"));
        const auto name = python::WheelName::Parse(wheel.file.name);
        if (!hash.ok() || !name.ok() || name->project != wheel.project) continue;
        wheel.file.sha256 = *hash;
        wheels.push_back(std::move(wheel));
      }
    }
  }
  return wheels;
}

}  // namespace crossmill::cli
