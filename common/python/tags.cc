// The tags of an environment, their order, and what platform tags ask for.
#include "common/python/tags.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/status.h"

namespace crossmill::python {
namespace {

// Bounds that no release will reach, so that a list stays short.
constexpr int kMostMinor = 200;
// The last minor versions of major versions of glibc that came before: packaging guesses the same.
constexpr int kLastGlibcMinor = 50;

struct LegacyName {
  int minor;
  std::string_view name;
};
constexpr std::array<LegacyName, 3> kLegacy = {
    {{17, "manylinux2014"}, {12, "manylinux2010"}, {5, "manylinux1"}}};

bool HasManylinux(const std::vector<std::string>& architectures) {
  static constexpr std::array<std::string_view, 9> kArchitectures = {
      "x86_64", "i686", "aarch64", "armv7l", "ppc64", "ppc64le", "s390x", "loongarch64", "riscv64"};
  return std::any_of(architectures.begin(), architectures.end(), [](const std::string& one) {
    return std::find(kArchitectures.begin(), kArchitectures.end(), one) != kArchitectures.end();
  });
}

void AddManylinux(const TagEnvironment& environment, const std::vector<std::string>& architectures,
                  std::vector<std::string>& tags) {
  if (!HasManylinux(architectures)) return;
  const bool x86 = architectures[0] == "x86_64" || architectures[0] == "i686";
  for (const std::string& architecture : architectures) {
    for (int major = environment.libc.major; major >= 2; --major) {
      const int newest = major == environment.libc.major ? environment.libc.minor : kLastGlibcMinor;
      const int oldest = major > 2 ? 0 : x86 ? 5 : 17;
      for (int minor = newest; minor >= oldest; --minor) {
        tags.push_back(fmt::format("manylinux_{}_{}_{}", major, minor, architecture));
        for (const LegacyName& legacy : kLegacy) {
          if (major == 2 && legacy.minor == minor)
            tags.push_back(fmt::format("{}_{}", legacy.name, architecture));
        }
      }
    }
  }
}

void AddMusllinux(const TagEnvironment& environment, const std::vector<std::string>& architectures,
                  std::vector<std::string>& tags) {
  for (const std::string& architecture : architectures) {
    for (int minor = environment.libc.minor; minor >= 0; --minor) {
      tags.push_back(fmt::format("musllinux_{}_{}_{}", environment.libc.major, minor, architecture));
    }
  }
}

std::string NoDot(std::string_view prefix, int major, int minor) {
  return fmt::format("{}{}{}", prefix, major, minor);
}

// Takes "2_17_x86_64" apart.
bool ReadLibcVersion(std::string_view text, Libc& libc, std::string& architecture) {
  const size_t first = text.find('_');
  const size_t second = first == text.npos ? text.npos : text.find('_', first + 1);
  if (second == text.npos || !absl::SimpleAtoi(Av(text.substr(0, first)), &libc.major) ||
      !absl::SimpleAtoi(Av(text.substr(first + 1, second - first - 1)), &libc.minor)) {
    return false;
  }
  architecture = std::string(text.substr(second + 1));
  return libc.major >= 0 && libc.minor >= 0;
}

}  // namespace

std::string AbiName(const TagEnvironment& environment) {
  const int minor = environment.python_minor;
  const bool before = environment.python_major < 3;
  std::string name = NoDot("cp", environment.python_major, minor);
  if (!before && minor >= 13 && environment.free_threaded) name += 't';
  // Builds with pymalloc, as all are; wide characters, as on Linux.
  if (before || minor < 8) name += 'm';
  if (before || minor < 3) name += 'u';
  return name;
}

std::vector<std::string> Architectures(const TagEnvironment& environment) {
  std::string machine = environment.machine;
  if (environment.bits32 && machine == "x86_64") machine = "i686";
  if (environment.bits32 && machine == "aarch64") machine = "armv8l";
  if (machine == "armv8l") return {"armv8l", "armv7l"};
  return {machine};
}

std::vector<std::string> PlatformTags(const TagEnvironment& environment) {
  const std::vector<std::string> architectures = Architectures(environment);
  std::vector<std::string> plain;
  for (const std::string& architecture : architectures) plain.push_back("linux_" + architecture);
  std::vector<std::string> tags;
  if (environment.linux_first) tags = plain;
  if (environment.libc.kind == Libc::Kind::kGlibc) AddManylinux(environment, architectures, tags);
  if (environment.libc.kind == Libc::Kind::kMusl) AddMusllinux(environment, architectures, tags);
  if (!environment.linux_first) tags.insert(tags.end(), plain.begin(), plain.end());
  return tags;
}

PlatformNeed ReadPlatformTag(std::string_view tag) {
  PlatformNeed need;
  const auto after = [&](std::string_view prefix) { return tag.substr(prefix.size()); };
  if (tag == "any") {
    need.system = PlatformNeed::System::kAny;
  } else if (tag.starts_with("manylinux_")) {
    need.libc.kind = Libc::Kind::kGlibc;
    if (ReadLibcVersion(after("manylinux_"), need.libc, need.architecture))
      need.system = PlatformNeed::System::kLinux;
  } else if (tag.starts_with("musllinux_")) {
    need.libc.kind = Libc::Kind::kMusl;
    if (ReadLibcVersion(after("musllinux_"), need.libc, need.architecture))
      need.system = PlatformNeed::System::kLinux;
  } else if (tag.starts_with("linux_")) {
    need.system = PlatformNeed::System::kLinux;
    need.architecture = std::string(after("linux_"));
  } else {
    for (const LegacyName& legacy : kLegacy) {
      if (!tag.starts_with(legacy.name) || !after(legacy.name).starts_with('_')) continue;
      need.system = PlatformNeed::System::kLinux;
      need.architecture = std::string(after(legacy.name).substr(1));
      need.libc = {Libc::Kind::kGlibc, 2, legacy.minor};
    }
  }
  return need;
}

absl::StatusOr<TagRanks> TagRanks::Of(const TagEnvironment& environment) {
  if (environment.python_major < 2 || environment.python_major > 9 || environment.python_minor < 0 ||
      environment.python_minor > kMostMinor) {
    return absl::InvalidArgumentError(
        fmt::format("there is no Python {}.{}", environment.python_major, environment.python_minor));
  }
  if (environment.machine.empty()) return absl::InvalidArgumentError("the environment has no machine");
  const Libc& libc = environment.libc;
  if (libc.kind != Libc::Kind::kNone &&
      (libc.major < 0 || libc.major > 9 || libc.minor < 0 || libc.minor > kMostMinor)) {
    return absl::InvalidArgumentError(fmt::format("there is no libc {}.{}", libc.major, libc.minor));
  }
  return TagRanks(environment);
}

TagRanks::TagRanks(const TagEnvironment& environment)
    : environment_(environment), platforms_(PlatformTags(environment)) {
  for (size_t i = 0; i < platforms_.size(); ++i) platform_ranks_.emplace(platforms_[i], i);
  const int major = environment.python_major;
  const int minor = environment.python_minor;
  const bool threaded = environment.free_threaded && major >= 3 && minor >= 13;
  const std::string stable = threaded ? "abi3t" : "abi3";
  const std::string interpreter = NoDot("cp", major, minor);
  const bool has_stable = major > 3 || (major == 3 && minor >= 2);
  AddGroup(interpreter, AbiName(environment), false);
  if (has_stable) AddGroup(interpreter, stable, false);
  AddGroup(interpreter, "none", false);
  for (int older = minor - 1; has_stable && older >= 2; --older)
    AddGroup(NoDot("cp", major, older), stable, false);
  std::vector<std::string> pythons = {NoDot("py", major, minor), fmt::format("py{}", major)};
  for (int older = minor - 1; older >= 0; --older) pythons.push_back(NoDot("py", major, older));
  for (const std::string& python : pythons) AddGroup(python, "none", false);
  AddGroup(interpreter, "none", true);
  for (const std::string& python : pythons) AddGroup(python, "none", true);
}

void TagRanks::AddGroup(std::string python, std::string abi, bool any) {
  size_t first = 0;
  if (!groups_.empty()) first = groups_.back().first + (groups_.back().any ? 1 : platforms_.size());
  group_indices_.emplace(std::tuple(python, abi, any), groups_.size());
  groups_.push_back({std::move(python), std::move(abi), any, first});
}

std::vector<Tag> TagRanks::List() const {
  std::vector<Tag> tags;
  for (const Group& group : groups_) {
    if (group.any) {
      tags.push_back({group.python, group.abi, "any"});
      continue;
    }
    for (const std::string& platform : platforms_) tags.push_back({group.python, group.abi, platform});
  }
  return tags;
}

std::optional<size_t> TagRanks::PlatformRank(std::string_view platform) const {
  const auto found = platform_ranks_.find(platform);
  if (found == platform_ranks_.end()) return std::nullopt;
  return found->second;
}

const TagRanks::Group* TagRanks::FindGroup(std::string_view python, std::string_view abi, bool any) const {
  const auto found = group_indices_.find(GroupOrder::View(python, abi, any));
  return found == group_indices_.end() ? nullptr : &groups_[found->second];
}

std::optional<size_t> TagRanks::Rank(const Tag& tag) const {
  const bool any = tag.platform == "any";
  const Group* group = FindGroup(tag.python, tag.abi, any);
  if (group == nullptr) return std::nullopt;
  if (any) return group->first;
  const auto platform = PlatformRank(tag.platform);
  if (!platform.has_value()) return std::nullopt;
  return group->first + *platform;
}

std::optional<size_t> TagRanks::Rank(const WheelName& wheel) const {
  std::optional<size_t> platform;
  bool any = false;
  for (const std::string& one : wheel.platforms) {
    any |= one == "any";
    const auto rank = PlatformRank(one);
    if (rank.has_value() && (!platform.has_value() || *rank < *platform)) platform = rank;
  }
  std::optional<size_t> best;
  const auto consider = [&](size_t rank) { best = best.has_value() ? std::min(*best, rank) : rank; };
  for (const std::string& python : wheel.pythons) {
    for (const std::string& abi : wheel.abis) {
      if (platform.has_value()) {
        if (const Group* group = FindGroup(python, abi, false)) consider(group->first + *platform);
      }
      if (any) {
        if (const Group* group = FindGroup(python, abi, true)) consider(group->first);
      }
    }
  }
  return best;
}

bool TagRanks::FitsPython(const WheelName& wheel) const {
  for (const std::string& python : wheel.pythons) {
    for (const std::string& abi : wheel.abis) {
      if (FindGroup(python, abi, false) != nullptr || FindGroup(python, abi, true) != nullptr) return true;
    }
  }
  return false;
}

bool TagRanks::FitsPlatform(const WheelName& wheel) const {
  return std::any_of(wheel.platforms.begin(), wheel.platforms.end(), [&](const std::string& platform) {
    return platform == "any" || PlatformRank(platform).has_value();
  });
}

}  // namespace crossmill::python
