// Judging single files.
#include "common/wheels/obstacles.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <tuple>

#include "absl/strings/numbers.h"
#include "common/base/status.h"

namespace crossmill::python {
namespace {

// How far away things are. What only a setting would change is nearer than what needs another machine.
constexpr int kSetting = 1;
constexpr int kOtherLibcVersion = 2;
constexpr int kOtherThreading = 3;
constexpr int kOtherPython = 4;
constexpr int kOtherLibc = 5;
constexpr int kOtherImplementation = 8;
constexpr int kOtherArchitecture = 10;
constexpr int kOtherSystem = 20;

// "cp311" -> 11 for the major version of `environment`; nullopt for another implementation or major version.
std::optional<int> CpythonMinor(std::string_view tag, const TagEnvironment& environment) {
  const std::string prefix = fmt::format("cp{}", environment.python_major);
  int minor = 0;
  if (!tag.starts_with(prefix) || !absl::SimpleAtoi(Av(tag.substr(prefix.size())), &minor))
    return std::nullopt;
  return minor;
}

Obstacle PythonObstacle(std::string_view python, std::string_view abi, const TagEnvironment& environment) {
  const auto minor = CpythonMinor(python, environment);
  if (!minor.has_value()) return {ReasonKind::kNoWheelForPython, kOtherImplementation, {}, 0};
  const bool stable = abi == "abi3" || abi == "abi3t";
  const bool same_python = stable ? *minor <= environment.python_minor : *minor == environment.python_minor;
  const bool threaded = abi.ends_with('t');
  if (same_python && threaded != environment.free_threaded && abi != "none") {
    return {threaded ? ReasonKind::kOnlyFreeThreaded : ReasonKind::kNotFreeThreaded, kOtherThreading, {}, 0};
  }
  return {ReasonKind::kNoWheelForPython, kOtherPython, {}, std::abs(*minor - environment.python_minor)};
}

Obstacle PlatformObstacle(std::string_view platform, const TagEnvironment& environment,
                          const std::vector<std::string>& architectures) {
  const PlatformNeed need = ReadPlatformTag(platform);
  if (need.system != PlatformNeed::System::kLinux)
    return {ReasonKind::kNoWheelForSystem, kOtherSystem, {}, 0};
  if (std::find(architectures.begin(), architectures.end(), need.architecture) == architectures.end()) {
    return {ReasonKind::kNoWheelForArchitecture, kOtherArchitecture, {}, 0};
  }
  const Libc& here = environment.libc;
  if (need.libc.kind != here.kind) {
    return {need.libc.kind == Libc::Kind::kMusl ? ReasonKind::kOnlyMusllinux : ReasonKind::kNoMusllinux,
            kOtherLibc, need.libc};
  }
  const bool newer =
      need.libc.major > here.major || (need.libc.major == here.major && need.libc.minor > here.minor);
  // A tag older than any that is looked at: "manylinux1_aarch64".
  if (!newer) return {ReasonKind::kNoWheelForSystem, kOtherSystem, {}, 0};
  return {here.kind == Libc::Kind::kMusl ? ReasonKind::kNewerMusl : ReasonKind::kNewerGlibc,
          kOtherLibcVersion, need.libc};
}

void KeepNearest(const Obstacle& obstacle, std::optional<Obstacle>& nearest) {
  if (!nearest.has_value() || IsNearer(obstacle, *nearest)) nearest = obstacle;
}

}  // namespace

bool IsNearer(const Obstacle& a, const Obstacle& b) {
  return std::tie(a.weight, a.distance, a.libc.major, a.libc.minor) <
         std::tie(b.weight, b.distance, b.libc.major, b.libc.minor);
}

std::optional<ReasonKind> TimeObstacle(const IndexFile& file, const ChoiceRules& rules) {
  if (!rules.exclude_newer.has_value()) return std::nullopt;
  if (!file.uploaded.has_value()) return ReasonKind::kUploadTimeUnknown;
  if (*file.uploaded >= *rules.exclude_newer) return ReasonKind::kTooNew;
  return std::nullopt;
}

bool FitsRequiresPython(const ListedFile& file, const ChoiceRules& rules,
                        const PythonEnvironment& environment) {
  return rules.ignore_requires_python || !file.requires_python.has_value() ||
         file.requires_python->Contains(environment.version());
}

bool HasAllowedHash(const IndexFile& file, const std::vector<FileHash>& hashes) {
  return std::any_of(file.hashes.begin(), file.hashes.end(), [&](const FileHash& hash) {
    return std::find(hashes.begin(), hashes.end(), hash) != hashes.end();
  });
}

std::vector<Obstacle> TagObstacles(const WheelName& wheel, const TagRanks& ranks) {
  std::vector<Obstacle> obstacles;
  if (ranks.Rank(wheel).has_value()) return obstacles;
  const TagEnvironment& environment = ranks.environment();
  if (!ranks.FitsPlatform(wheel)) {
    const std::vector<std::string> architectures = Architectures(environment);
    std::optional<Obstacle> nearest;
    for (const std::string& platform : wheel.platforms) {
      KeepNearest(PlatformObstacle(platform, environment, architectures), nearest);
    }
    obstacles.push_back(*nearest);
  }
  // Each alone may fit, and no combination.
  if (obstacles.empty() || !ranks.FitsPython(wheel)) {
    std::optional<Obstacle> nearest;
    for (const std::string& python : wheel.pythons) {
      for (const std::string& abi : wheel.abis)
        KeepNearest(PythonObstacle(python, abi, environment), nearest);
    }
    obstacles.push_back(*nearest);
  }
  return obstacles;
}

std::vector<Obstacle> Obstacles(const ProjectFiles& files, const ListedFile& file, const ChoiceRules& rules,
                                const PythonEnvironment& environment, bool allow_yanked) {
  const IndexFile& listed = files.Listed(file);
  std::vector<Obstacle> obstacles;
  if (file.wheel.has_value()) obstacles = TagObstacles(*file.wheel, environment.ranks());
  const auto add = [&](ReasonKind kind) { obstacles.push_back({kind, kSetting, {}, 0}); };
  if (file.wheel.has_value() && !rules.allow_wheels) add(ReasonKind::kWheelsNotAllowed);
  if (!file.wheel.has_value() && !rules.allow_sources) add(ReasonKind::kSourcesNotAllowed);
  if (listed.yanked.has_value() && !allow_yanked) add(ReasonKind::kYanked);
  if (!FitsRequiresPython(file, rules, environment)) {
    obstacles.push_back({ReasonKind::kRequiresPython, kOtherPython, {}, 0});
  }
  if (const auto time = TimeObstacle(listed, rules)) add(*time);
  if (!rules.hashes.empty() && !HasAllowedHash(listed, rules.hashes)) add(ReasonKind::kHashNotAllowed);
  return obstacles;
}

}  // namespace crossmill::python
