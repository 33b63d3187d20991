#include "cli/wheelhouse/package_record.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "cli/show/text.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/python/python_environment.h"
#include "common/python/wheel_name.h"

namespace crossmill::cli {
namespace {

// "3.11.7", "x86_64", "glibc 2.36" as the environment that markers and tags are asked in.
absl::StatusOr<python::PythonEnvironment> EnvironmentOf(const TargetPlan& plan) {
  python::TagEnvironment tags;
  const std::vector<std::string> version = Split(plan.python_version, '.');
  const auto number = [](std::string_view text) {
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  if (version.size() >= 2) {
    tags.python_major = number(version[0]);
    tags.python_minor = number(version[1]);
  }
  tags.machine = plan.machine;
  const std::vector<std::string> libc = Split(plan.libc, ' ');
  const std::vector<std::string> parts = libc.size() == 2 ? Split(libc[1], '.') : std::vector<std::string>();
  if (parts.size() >= 2) {
    tags.libc.kind = libc[0] == "musl" ? python::Libc::Kind::kMusl : python::Libc::Kind::kGlibc;
    tags.libc.major = number(parts[0]);
    tags.libc.minor = number(parts[1]);
  }
  return python::PythonEnvironment::Of(tags, plan.python_version);
}

// A wheel that came and does not install there would be a lie.
void CheckTags(const python::PythonEnvironment& environment, PackageRecord* package) {
  for (const WheelFile& file : package->files) {
    const auto name = python::WheelName::Parse(file.name);
    if (name.ok() && environment.ranks().Rank(*name).has_value()) continue;
    package->outcome = PackageRecord::Outcome::kFailed;
    package->message = fmt::format("{} does not install on this target", file.name);
  }
}

// The extras with which each package is wanted, whoever wants it.
using Extras = std::map<std::string, std::set<std::string>>;

Extras WantedExtras(const TargetRecord& record, const python::MarkerEnvironment& markers) {
  Extras extras;
  for (const PlannedPackage& package : record.plan.packages)
    extras[package.name].insert(package.extras.begin(), package.extras.end());
  // Extras of extras: until nothing new comes.
  for (bool more = true; more;) {
    more = false;
    for (const PackageRecord& package : record.packages) {
      const std::vector<std::string> mine(extras[package.name].begin(), extras[package.name].end());
      for (const WheelFile& file : package.files) {
        for (const python::Requirement& needed : file.requirements) {
          if (!needed.Applies(markers, mine).value_or(false)) continue;
          for (const std::string& extra : needed.extras)
            more |= extras[needed.normal_name].insert(extra).second;
        }
      }
    }
  }
  return extras;
}

std::string DescribeRequirement(const python::Requirement& requirement) {
  return requirement.url.empty() ? requirement.name + requirement.specifier.Text()
                                 : fmt::format("{} @ {}", requirement.name, requirement.url);
}

void CheckRequirements(const python::MarkerEnvironment& markers, TargetRecord* record) {
  std::map<std::string, const PackageRecord*> present;
  for (const PackageRecord& package : record->packages) present[package.name] = &package;
  const Extras extras = WantedExtras(*record, markers);
  for (const PackageRecord& package : record->packages) {
    const auto& mine = extras.at(package.name);
    const std::vector<std::string> with(mine.begin(), mine.end());
    for (const WheelFile& file : package.files) {
      for (const python::Requirement& needed : file.requirements) {
        if (!needed.Applies(markers, with).value_or(false)) continue;
        const auto found = present.find(needed.normal_name);
        const auto version = found == present.end() ? absl::StatusOr<python::Version>(absl::NotFoundError(""))
                                                    : python::Version::Parse(found->second->version);
        if (version.ok() && needed.specifier.Contains(*version)) continue;
        record->missing.push_back(fmt::format(
            "{} requires {}, {}", file.name, DescribeRequirement(needed),
            found == present.end() ? "which the resolution did not have"
                                   : fmt::format("and the resolution has {}", found->second->version)));
      }
    }
  }
  std::sort(record->missing.begin(), record->missing.end());
  record->missing.erase(std::unique(record->missing.begin(), record->missing.end()), record->missing.end());
}

}  // namespace

WheelStatements ReadStatements(std::string_view text) {
  WheelStatements found;
  for (const std::string& line : Split(text.substr(0, 4096), '\n')) {
    const std::vector<std::string> words = Split(line, ' ');
    if (words.size() < 2) continue;
    const std::string rest = line.substr(std::min(line.size(), words[0].size() + words[1].size() + 2));
    if (words[0] == "compiled" && IsSha256Hex(words[1])) {
      found.compiled_sha256 = words[1];
    } else if (words[0] == "repair") {
      found.repair = Printable(words[1]);
      found.repair_line = Printable(rest);
    } else if (words[0] == "abi3") {
      found.abi3 = Printable(words[1]);
      found.abi3_line = Printable(rest);
    }
  }
  return found;
}

std::string_view OutcomeWord(PackageRecord::Outcome outcome) {
  switch (outcome) {
    case PackageRecord::Outcome::kWheel:
      return "wheel";
    case PackageRecord::Outcome::kSource:
      return "source";
    case PackageRecord::Outcome::kSourceKept:
      return "source-cached";
    case PackageRecord::Outcome::kFailed:
      return "failed";
    case PackageRecord::Outcome::kNotTried:
      return "not-tried";
  }
  return "";
}

std::string_view StatusWord(TargetRecord::Status status) {
  switch (status) {
    case TargetRecord::Status::kComplete:
      return "complete";
    case TargetRecord::Status::kIncomplete:
      return "incomplete";
    case TargetRecord::Status::kUnsolved:
      return "unsolved";
  }
  return "";
}

void Conclude(TargetRecord* record) {
  if (!record->plan.failure.empty()) {
    record->status = TargetRecord::Status::kUnsolved;
    return;
  }
  record->missing.clear();
  const auto environment = EnvironmentOf(record->plan);
  if (environment.ok()) {
    for (PackageRecord& package : record->packages) CheckTags(*environment, &package);
    CheckRequirements(environment->Markers(), record);
  } else {
    record->missing.push_back(
        fmt::format("whether all is there cannot be said: {}", Sv(environment.status().message())));
  }
  const bool complete =
      record->missing.empty() &&
      std::all_of(record->packages.begin(), record->packages.end(), [](const PackageRecord& package) {
        return package.done() && package.statements.abi3 != "failed";
      });
  record->status = complete ? TargetRecord::Status::kComplete : TargetRecord::Status::kIncomplete;
}

}  // namespace crossmill::cli
