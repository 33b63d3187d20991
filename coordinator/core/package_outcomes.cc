#include "coordinator/core/package_outcomes.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/words/words.h"
#include "coordinator/core/package_failures.h"

namespace crossmill::core {
namespace {

constexpr std::string_view kRuntime = "runtime";
constexpr std::string_view kBuildDependency = "build-dep";

// Tags of one wheel multiplied out -> the compressed form of its file name.
std::string CompressTags(const v1::DistInfo& info) {
  std::vector<std::string> parts[3];
  for (const std::string& tag : info.tags()) {
    const std::vector<std::string> fields = absl::StrSplit(tag, '-');
    if (fields.size() != 3) continue;
    for (size_t i = 0; i < 3; ++i) {
      if (std::find(parts[i].begin(), parts[i].end(), fields[i]) == parts[i].end())
        parts[i].push_back(fields[i]);
    }
  }
  if (parts[0].empty()) return {};
  return fmt::format("{}-{}-{}", absl::StrJoin(parts[0], "."), absl::StrJoin(parts[1], "."),
                     absl::StrJoin(parts[2], "."));
}

// direct_url.json (PEP 610): what was asked for was a URL, not a name.
v1::Outcome OutcomeOfDirectUrl(const std::string& text) {
  const auto document = ParseJson(text);
  if (!document.ok() || !document->is_object()) return v1::OUTCOME_UNSPECIFIED;
  if (document->contains("vcs_info")) return v1::OUTCOME_VCS;
  if (const auto folder = document->find("dir_info"); folder != document->end()) {
    const auto editable = folder->is_object() ? folder->find("editable") : folder->end();
    const bool is_editable =
        folder->is_object() && editable != folder->end() && editable->is_boolean() && editable->get<bool>();
    return is_editable ? v1::OUTCOME_EDITABLE : v1::OUTCOME_LOCAL;
  }
  const auto url = document->find("url");
  if (url == document->end() || !url->is_string()) return v1::OUTCOME_UNSPECIFIED;
  const std::string address = url->get<std::string>();
  if (address.rfind("file:", 0) == 0) return v1::OUTCOME_LOCAL;
  const PackageFile file = ParsePackageFile(address);
  return file.name.empty() ? v1::OUTCOME_UNSPECIFIED : file.wheel ? v1::OUTCOME_WHEEL : v1::OUTCOME_SOURCE;
}

// What the dist-info alone says. UNSPECIFIED: a pure package from source looks like one from a wheel, so a
// pure tag decides nothing; `fallback` is what it most likely is.
struct LayerWord {
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
  v1::Outcome fallback = v1::OUTCOME_UNSPECIFIED;
};

LayerWord WordOfLayer(const v1::DistInfo& info, std::string_view tag) {
  if (!info.direct_url().empty()) {
    const v1::Outcome outcome = OutcomeOfDirectUrl(info.direct_url());
    if (outcome != v1::OUTCOME_UNSPECIFIED) return {outcome, outcome};
  }
  if (info.uv_build()) return {v1::OUTCOME_SOURCE, v1::OUTCOME_SOURCE};
  if (info.installer().empty()) {
    // Debian's packages come without INSTALLER. Elsewhere it only means an unknown installer.
    const bool debian = info.path().find("usr/lib/python3/dist-packages/") != std::string::npos;
    return debian ? LayerWord{v1::OUTCOME_DISTRO, v1::OUTCOME_DISTRO} : LayerWord{};
  }
  if (IsLocallyCompiledTag(tag)) return {v1::OUTCOME_SOURCE, v1::OUTCOME_SOURCE};
  if (!tag.empty() && !tag.ends_with("-any")) return {v1::OUTCOME_WHEEL, v1::OUTCOME_WHEEL};
  return {v1::OUTCOME_UNSPECIFIED, v1::OUTCOME_WHEEL};
}

v1::Outcome OutcomeOfConsole(const PackageObservation& seen) {
  switch (seen.origin) {
    case PackageOrigin::kVcs:
      return v1::OUTCOME_VCS;
    case PackageOrigin::kLocal:
      return v1::OUTCOME_LOCAL;
    case PackageOrigin::kEditable:
      return v1::OUTCOME_EDITABLE;
    case PackageOrigin::kCachedBuild:
      return v1::OUTCOME_SOURCE_CACHED;
    case PackageOrigin::kSource:
      return v1::OUTCOME_SOURCE;
    case PackageOrigin::kWheel:
      return seen.built ? v1::OUTCOME_SOURCE : v1::OUTCOME_WHEEL;
    case PackageOrigin::kUnknown:
      return seen.built ? v1::OUTCOME_SOURCE : v1::OUTCOME_UNSPECIFIED;
  }
  return v1::OUTCOME_UNSPECIFIED;
}

// A package asked for by URL or folder is still compiled or not: these are no disagreement.
bool Compatible(v1::Outcome console, v1::Outcome layer) {
  if (console == layer) return true;
  const auto compiled = [](v1::Outcome outcome) {
    return outcome == v1::OUTCOME_SOURCE || outcome == v1::OUTCOME_SOURCE_CACHED;
  };
  const auto direct = [](v1::Outcome outcome) {
    return outcome == v1::OUTCOME_VCS || outcome == v1::OUTCOME_LOCAL || outcome == v1::OUTCOME_EDITABLE;
  };
  if (console == v1::OUTCOME_SOURCE_CACHED && layer == v1::OUTCOME_SOURCE) return true;
  // The installed wheel of a checkout or folder was compiled: its tag says so.
  if (direct(console) && (compiled(layer) || layer == v1::OUTCOME_WHEEL)) return true;
  // direct_url names a folder or checkout, the console a build or a local file.
  return direct(layer) && (compiled(console) || console == v1::OUTCOME_WHEEL);
}

class Outcomes {
 public:
  Outcomes(std::vector<PackageObservation> seen, absl::Span<const v1::DistInfo> infos, bool emulated)
      : seen_(std::move(seen)), used_(seen_.size(), false), infos_(infos), emulated_(emulated) {}

  std::vector<v1::PackageOutcome> Derive() {
    for (const v1::DistInfo& info : infos_) AddInstalled(info);
    for (size_t i = 0; i < seen_.size(); ++i) {
      if (!used_[i]) AddSeen(seen_[i]);
    }
    std::sort(outcomes_.begin(), outcomes_.end(), [](const auto& left, const auto& right) {
      const auto key = [](const v1::PackageOutcome& outcome) {
        return std::tuple(outcome.scope() != kRuntime, outcome.name(), outcome.version());
      };
      return key(left) < key(right);
    });
    return std::move(outcomes_);
  }

 private:
  // The observation of an installed package: the last of its name, one of its version if there is one.
  const PackageObservation* Match(const std::string& name, const std::string& version) {
    size_t best = seen_.size();
    for (size_t i = 0; i < seen_.size(); ++i) {
      if (seen_[i].name != name || seen_[i].build_dependency || used_[i]) continue;
      if (best == seen_.size() || seen_[i].version == version || seen_[best].version != version) best = i;
    }
    if (best == seen_.size()) return nullptr;
    used_[best] = true;
    return &seen_[best];
  }

  v1::PackageOutcome Base(std::string_view scope, const std::string& name, const std::string& version) const {
    v1::PackageOutcome outcome;
    outcome.set_name(name);
    outcome.set_version(version);
    outcome.set_scope(std::string(scope));
    outcome.set_seconds(-1);
    outcome.set_emulated(emulated_);
    return outcome;
  }

  static void AddConsole(const PackageObservation& seen, v1::PackageOutcome* outcome) {
    outcome->add_witnesses("console");
    outcome->set_file_name(seen.file_name);
    outcome->set_built_sha256(seen.built_sha256);
    outcome->set_built_size(seen.built_size);
    outcome->set_seconds(seen.built || seen.failed ? seen.build_seconds : seen.fetch_seconds);
    if (outcome->tag().empty()) outcome->set_tag(ParsePackageFile(seen.file_name).tag);
  }

  void AddInstalled(const v1::DistInfo& info) {
    const std::string name = NormalisePackageName(info.name());
    v1::PackageOutcome outcome = Base(kRuntime, name, info.version());
    outcome.set_tag(CompressTags(info));
    const LayerWord layer = WordOfLayer(info, outcome.tag());
    const PackageObservation* seen = Match(name, info.version());
    v1::Outcome console = v1::OUTCOME_UNSPECIFIED;
    if (seen != nullptr) {
      AddConsole(*seen, &outcome);
      console = OutcomeOfConsole(*seen);
      // uv says when it builds; its mark without that is a build from its cache.
      if (console == v1::OUTCOME_UNSPECIFIED && layer.outcome == v1::OUTCOME_SOURCE)
        console = v1::OUTCOME_SOURCE_CACHED;
    }
    outcome.add_witnesses("layer");
    outcome.set_outcome(Choose(console, layer));
    outcome.set_conflict(Conflict(seen, console, layer, info));
    outcomes_.push_back(std::move(outcome));
  }

  static v1::Outcome Choose(v1::Outcome console, const LayerWord& layer) {
    if (console == v1::OUTCOME_UNSPECIFIED) return layer.fallback;
    // The layer knows what was asked for, the console only what was done.
    const bool direct = layer.outcome == v1::OUTCOME_VCS || layer.outcome == v1::OUTCOME_LOCAL ||
                        layer.outcome == v1::OUTCOME_EDITABLE;
    return direct && Compatible(console, layer.outcome) ? layer.outcome : console;
  }

  static std::string Conflict(const PackageObservation* seen, v1::Outcome console, const LayerWord& layer,
                              const v1::DistInfo& info) {
    if (seen == nullptr) return {};
    if (!seen->version.empty() && seen->version != info.version()) {
      return fmt::format("console: version {}; layer: version {}", seen->version, info.version());
    }
    if (seen->failed) return fmt::format("console: failed; layer: installed by {}", info.installer());
    if (console == v1::OUTCOME_UNSPECIFIED || layer.outcome == v1::OUTCOME_UNSPECIFIED ||
        Compatible(console, layer.outcome)) {
      return {};
    }
    return fmt::format("console: {}; layer: {}", Word(console), Word(layer.outcome));
  }

  // Seen on the console only.
  void AddSeen(const PackageObservation& seen) {
    const bool arrived = seen.arrived || seen.built;
    if (!arrived && !seen.failed) return;
    v1::PackageOutcome outcome =
        Base(seen.build_dependency ? kBuildDependency : kRuntime, seen.name, seen.version);
    AddConsole(seen, &outcome);
    if (seen.failed && !seen.arrived) {
      outcome.set_outcome(v1::OUTCOME_FAILED);
      if (const auto failure = ClassifyPackageFailure(seen.failure_lines)) {
        outcome.set_failure_class(failure->failure_class);
        outcome.set_failure_line(failure->line);
        outcome.set_remedy(failure->remedy);
      } else {
        outcome.set_failure_class("unknown");
        if (!seen.failure_lines.empty()) outcome.set_failure_line(seen.failure_lines.back());
      }
    } else {
      outcome.set_outcome(OutcomeOfConsole(seen));
      // setup.py install leaves an egg-info, `pip wheel` a file, a build environment nothing.
      // Where the layer has no dist-info at all it is no witness: the step failed later, or a cache mount.
      if (!infos_.empty() && seen.arrived && !seen.only_saved && !seen.legacy_install &&
          !seen.build_dependency) {
        outcome.set_conflict("console: installed; layer: no dist-info");
      }
    }
    outcomes_.push_back(std::move(outcome));
  }

  std::vector<PackageObservation> seen_;
  // Parallel to seen_: already put together with a dist-info.
  std::vector<bool> used_;
  absl::Span<const v1::DistInfo> infos_;
  bool emulated_;
  std::vector<v1::PackageOutcome> outcomes_;
};

}  // namespace

std::vector<v1::PackageOutcome> DerivePackages(absl::Span<const ConsoleLine> lines,
                                               absl::Span<const v1::DistInfo> infos, bool emulated) {
  return Outcomes(ParsePackageConsole(lines), infos, emulated).Derive();
}

}  // namespace crossmill::core
