// Looking for the nearest wheel in other versions and for other environments.
#include "common/wheels/help.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/wheels/obstacles.h"

namespace crossmill::python {
namespace {

// Pythons beyond these are not asked about, whatever a file name says.
constexpr int kMostMinor = 60;
// Wheels of one version that are asked about for each Python; real versions have some 200.
constexpr size_t kMostWheels = 2000;

// Rules for a wheel of any version: no version has the hash that another was given.
ChoiceRules RulesOfOthers(const ChoiceRules& rules) {
  ChoiceRules others = rules;
  others.hashes.clear();
  return others;
}

bool IsFitting(const ProjectFiles& files, const ListedFile& file, const ChoiceRules& rules,
               const PythonEnvironment& environment, bool allow_yanked) {
  return file.wheel.has_value() && Obstacles(files, file, rules, environment, allow_yanked).empty();
}

// The nearest versions before and after that have a wheel that fits.
void FindVersions(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment,
                  const Version& version, Help& help) {
  const ChoiceRules others = RulesOfOthers(rules);
  const bool prereleases = version.IsPrerelease() || rules.prereleases == true;
  const Version* older = nullptr;
  const Version* newer = nullptr;
  for (const ListedFile& file : files.files()) {
    const Version& other = file.version;
    if (other == version || (other.IsPrerelease() && !prereleases)) continue;
    const Version*& nearest = other < version ? older : newer;
    // Only what is nearer needs a look.
    if (nearest != nullptr && (other < version ? other <= *older : other >= *newer)) continue;
    if (IsFitting(files, file, others, environment, /*allow_yanked=*/false)) nearest = &other;
  }
  if (older != nullptr) help.older_version = older->Text();
  if (newer != nullptr) help.newer_version = newer->Text();
}

void Raise(int minor, int& newest) {
  if (minor <= kMostMinor) newest = std::max(newest, minor);
}

// The newest minor version that a wheel or its requires-python names.
void RaiseToNamed(const ListedFile& file, int major, int& newest) {
  int minor = 0;
  for (const std::string& python : file.wheel->pythons) {
    if (python.size() < 4 || !absl::SimpleAtoi(Av(std::string_view(python).substr(3)), &minor)) continue;
    if (python.substr(2, 1) == std::to_string(major)) Raise(minor, newest);
  }
  if (!file.requires_python.has_value()) return;
  for (const Specifier& clause : file.requires_python->clauses()) {
    if (!clause.version().has_value() || clause.comparison() == Comparison::kLess) continue;
    if (absl::SimpleAtoi(clause.version()->ReleasePart(1).digits(), &minor)) Raise(minor, newest);
  }
}

void FindPythons(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment,
                 const std::vector<const ListedFile*>& wheels, bool allow_yanked, Help& help) {
  // Another Python does not change the platform.
  std::vector<const ListedFile*> near;
  int newest = environment.tags().python_minor;
  for (const ListedFile* wheel : wheels) {
    if (!environment.ranks().FitsPlatform(*wheel->wheel)) continue;
    near.push_back(wheel);
    RaiseToNamed(*wheel, environment.tags().python_major, newest);
  }
  if (near.empty()) return;
  for (int minor = 0; minor <= newest; ++minor) {
    if (minor == environment.tags().python_minor) continue;
    const auto other = environment.WithMinor(minor);
    if (!other.ok()) continue;
    const bool fits = std::any_of(near.begin(), near.end(), [&](const ListedFile* wheel) {
      return IsFitting(files, *wheel, rules, *other, allow_yanked);
    });
    if (fits) help.pythons.push_back(fmt::format("{}.{}", environment.tags().python_major, minor));
  }
}

bool IsOlder(const Libc& a, const Libc& b) {
  return a.major != b.major ? a.major < b.major : a.minor < b.minor;
}

// The oldest of each kind with which a wheel would fit that does not now.
void FindLibcs(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment,
               const std::vector<const ListedFile*>& wheels, bool allow_yanked, Help& help) {
  std::optional<Libc> oldest[2];
  const std::vector<std::string> architectures = Architectures(environment.tags());
  for (const ListedFile* wheel : wheels) {
    const auto obstacles = Obstacles(files, *wheel, rules, environment, allow_yanked);
    const bool only_libc =
        obstacles.size() == 1 &&
        (obstacles[0].kind == ReasonKind::kNewerGlibc || obstacles[0].kind == ReasonKind::kNewerMusl ||
         obstacles[0].kind == ReasonKind::kOnlyMusllinux || obstacles[0].kind == ReasonKind::kNoMusllinux);
    if (!only_libc) continue;
    for (const std::string& platform : wheel->wheel->platforms) {
      const PlatformNeed need = ReadPlatformTag(platform);
      if (need.libc.kind == Libc::Kind::kNone) continue;
      if (std::find(architectures.begin(), architectures.end(), need.architecture) == architectures.end())
        continue;
      std::optional<Libc>& known = oldest[need.libc.kind == Libc::Kind::kMusl ? 1 : 0];
      if (!known.has_value() || IsOlder(need.libc, *known)) known = need.libc;
    }
  }
  for (const auto& libc : oldest) {
    if (libc.has_value()) help.libcs.push_back(*libc);
  }
}

void AddSentences(const std::string& project, const std::string& version, Help& help) {
  if (!help.older_version.empty()) {
    help.sentences.push_back(
        fmt::format("{} {} is older and has a wheel that fits.", project, help.older_version));
  }
  if (!help.newer_version.empty()) {
    help.sentences.push_back(
        fmt::format("{} {} is newer and has a wheel that fits.", project, help.newer_version));
  }
  if (!help.pythons.empty()) {
    help.sentences.push_back(fmt::format("{} {} has a wheel for Python {} here.", project, version,
                                         absl::StrJoin(help.pythons, ", ")));
  }
  for (const Libc& libc : help.libcs) {
    help.sentences.push_back(
        fmt::format("{} {} has a wheel for this Python with {} or newer.", project, version, LibcText(libc)));
  }
}

}  // namespace

std::string LibcText(const Libc& libc) {
  if (libc.kind == Libc::Kind::kNone) return "no libc that wheels are made for";
  return fmt::format("{} {}.{}", libc.kind == Libc::Kind::kMusl ? "musl" : "glibc", libc.major, libc.minor);
}

Help FindHelp(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment,
              const Version& version, bool allow_yanked) {
  Help help;
  // Who forbids wheels is not helped by one.
  if (!rules.allow_wheels) return help;
  std::vector<const ListedFile*> wheels;
  for (const ListedFile& file : files.files()) {
    if (wheels.size() < kMostWheels && file.wheel.has_value() && file.version == version) {
      wheels.push_back(&file);
    }
  }
  FindVersions(files, rules, environment, version, help);
  FindPythons(files, rules, environment, wheels, allow_yanked, help);
  FindLibcs(files, rules, environment, wheels, allow_yanked, help);
  AddSentences(files.project(), version.Text(), help);
  return help;
}

}  // namespace crossmill::python
