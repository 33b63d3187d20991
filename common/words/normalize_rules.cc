#include "common/words/normalize_rules.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

constexpr NormalizeRule kRules[] = {
    {"apt-logs", "logs of apt, dpkg, update-alternatives and debootstrap are emptied"},
    {"apt-caches", "apt's binary caches are removed, and its lists get one time"},
    {"ldconfig-cache", "ldconfig's notes about files it has seen are removed"},
    {"machine-id", "a machine id that the step made is emptied"},
    {"shadow-dates",
     "passwords that the step set have the day of the build's epoch as that of their last change"},
    {"pyc-times", "compiled Python files name no time that no source beside them has"},
    {"man-db", "the index of manual pages is removed"},
    {"fontconfig", "caches of fontconfig are removed"},
    {"temporary-folder", "TMPDIR is a folder of its own, empty at the start and no part of the layer"},
    {"build-paths", "GCC names temporary folders without the random part of their name"},
    {"python-hash-seed", "PYTHONHASHSEED is 0"},
};

std::string AllNames() {
  std::string names = "all";
  for (const NormalizeRule& rule : kRules) names += fmt::format(", {}", rule.name);
  return names;
}

absl::Status Unknown(std::string_view name) {
  return absl::InvalidArgumentError(
      fmt::format("--normalize: there is no rule '{}'; there are {}", name, AllNames()));
}

}  // namespace

absl::Span<const NormalizeRule> NormalizeRules() { return kRules; }

absl::StatusOr<std::vector<std::string>> ParseNormalize(std::string_view text) {
  std::set<std::string_view> wanted;
  for (const absl::string_view part : absl::StrSplit(Av(text), ',')) wanted.insert(Sv(part));
  const bool all = wanted.erase("all") > 0;
  std::vector<std::string> names;
  for (const NormalizeRule& rule : kRules) {
    if (wanted.erase(rule.name) > 0 || all) names.emplace_back(rule.name);
  }
  if (!wanted.empty()) return Unknown(*wanted.begin());
  return names;
}

absl::Status CheckNormalize(absl::Span<const std::string> names) {
  auto next = std::begin(kRules);
  for (const std::string& name : names) {
    const auto is_named = [&](const NormalizeRule& rule) { return rule.name == name; };
    if (std::none_of(std::begin(kRules), std::end(kRules), is_named)) return Unknown(name);
    next = std::find_if(next, std::end(kRules), is_named);
    if (next == std::end(kRules)) {
      return absl::InvalidArgumentError(
          fmt::format("normalize: '{}' is out of order or named twice; expected names in the order of: {}",
                      name, AllNames()));
    }
    ++next;
  }
  return absl::OkStatus();
}

}  // namespace crossmill
