#include "worker/normalize/normalizer.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/layer/tar_entry.h"
#include "common/words/normalize_rules.h"
#include "worker/normalize/package_files.h"

namespace crossmill::worker {
namespace {

// Of one rule and step.
constexpr size_t kMostWarnings = 8;
constexpr int kMostPackageFiles = 16;

struct NamedRule {
  std::string_view name;
  FileRule apply;
};

constexpr NamedRule kFileRules[] = {
    {"apt-logs", NormalizeAptLogs},
    {"apt-caches", NormalizeAptCaches},
    {"ldconfig-cache", NormalizeLdconfigCache},
    {"machine-id", NormalizeMachineId},
    {"shadow-dates", NormalizeShadowDates},
    {"pyc-times", NormalizePycTimes},
    {"man-db", NormalizeManDb},
    {"fontconfig", NormalizeFontconfig},
    {"cargo-cache", NormalizeCargoCache},
};

}  // namespace

absl::Status CheckRules(absl::Span<const std::string> rules) {
  for (const std::string& name : rules) {
    const auto known = NormalizeRules();
    if (std::none_of(known.begin(), known.end(),
                     [&](const NormalizeRule& rule) { return rule.name == name; })) {
      return absl::FailedPreconditionError(fmt::format(
          "this worker does not know the rule '{}' of --normalize: it is older than the coordinator", name));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Normalizer::Edit(const std::string& upper, const std::vector<std::string>& lowers,
                                      const UpperDiff& diff) {
  StepFiles files(upper, lowers, diff);
  std::map<std::string, std::set<std::string>> changed;
  for (const NamedRule& rule : kFileRules) {
    if (std::find(rules_.begin(), rules_.end(), rule.name) == rules_.end()) continue;
    RuleOutcome outcome;
    const absl::Status status = rule.apply(times_, files, &outcome);
    if (!status.ok()) return Annotate(status, fmt::format("--normalize={}", rule.name));
    for (size_t i = 0; i < std::min(outcome.left_alone.size(), kMostWarnings); ++i) {
      warnings_.push_back(fmt::format("--normalize={}: {}", rule.name, outcome.left_alone[i]));
    }
    if (outcome.left_alone.size() > kMostWarnings) {
      warnings_.push_back(fmt::format("--normalize={}: {} more files were left as they are", rule.name,
                                      outcome.left_alone.size() - kMostWarnings));
    }
    if (outcome.changed.empty()) continue;
    v1::Normalization& told = normalizations_.emplace_back();
    told.set_rule(std::string(rule.name));
    told.set_files(static_cast<uint32_t>(outcome.changed.size()));
    changed[told.rule()] = std::move(outcome.changed);
  }
  MergedFolder root = {upper};
  root.insert(root.end(), lowers.begin(), lowers.end());
  TellOwners(root, changed);
  return files.edited();
}

void Normalizer::TellOwners(const MergedFolder& root,
                            const std::map<std::string, std::set<std::string>>& changed) {
  std::set<std::string> paths;
  for (const auto& [rule, files] : changed) paths.insert(files.begin(), files.end());
  const auto owned = FindPackageFiles(root, paths);
  if (!owned.ok()) {
    warnings_.push_back(fmt::format("--normalize: whether a package owns what was changed is not known: {}",
                                    Sv(owned.status().message())));
    return;
  }
  for (v1::Normalization& told : normalizations_) {
    size_t found = 0;
    std::string example;
    for (const std::string& path : changed.at(told.rule())) {
      const auto owner = owned->find(path);
      if (owner == owned->end()) continue;
      if (found++ == 0) example = fmt::format("/{} of {}", layer::Printable(path), owner->second);
      if (told.package_files_size() < kMostPackageFiles) told.add_package_files(path);
    }
    if (found == 0) continue;
    warnings_.push_back(fmt::format("--normalize={} changed {}{}, which a package owns", told.rule(), example,
                                    found == 1 ? "" : fmt::format(" and {} more", found - 1)));
  }
}

}  // namespace crossmill::worker
