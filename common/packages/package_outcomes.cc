#include "common/packages/package_outcomes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/failures/remedy.h"
#include "common/packages/install_folders.h"
#include "common/packages/package_origin.h"
#include "common/words/words.h"

namespace crossmill::packages {
namespace {

constexpr std::string_view kRuntime = "runtime";
constexpr std::string_view kBuildDependency = "build-dep";
constexpr size_t kMostOutcomes = 20'000;

constexpr std::string_view kHowToKnow =
    "the console is silent (-q, or its output went elsewhere), and a pure wheel looks the same either way: "
    "install without -q, or leave the installer's cache in the layer or in no cache mount";

// The better the place, the smaller: the console means the best of several.
int Rank(const v1::DistInfo& info) {
  switch (info.place()) {
    case v1::DistInfo::PLACE_INTERPRETER:
    case v1::DistInfo::PLACE_VIRTUAL_ENVIRONMENT:
    case v1::DistInfo::PLACE_USER_SITE:
      return IsDistroPackage(info) || info.seed() ? 1 : 0;
    case v1::DistInfo::PLACE_PREFIX:
      return 2;
    case v1::DistInfo::PLACE_FOLDER:
      return 3;
    default:
      return 4;
  }
}

// As people write it; names in a layer are any bytes.
std::string Place(std::string_view path) { return "/" + ValidUtf8(path); }

// A wheel that an installer keeps for itself: below ~/.cache, or, as poetry's artifacts, in a folder that is
// named by a digest.
bool IsCached(const v1::WheelFile& wheel) {
  if (wheel.origin() != v1::WheelFile::ORIGIN_UNKNOWN) return true;
  const std::vector<std::string> parts = absl::StrSplit(wheel.path(), '/', absl::SkipEmpty());
  if (std::find(parts.begin(), parts.end(), ".cache") != parts.end()) return true;
  if (parts.size() < 2) return false;
  const std::string& folder = parts[parts.size() - 2];
  return folder.size() >= 20 && folder.find_first_not_of("0123456789abcdef") == folder.npos;
}

bool IsBelow(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && path.substr(folder.size()).starts_with("/"));
}

class Outcomes {
 public:
  Outcomes(std::vector<PackageObservation> seen, const StepEvidence& evidence)
      : seen_(std::move(seen)),
        used_(seen_.size(), false),
        evidence_(evidence),
        folders_(InstallFolders(evidence.run)),
        fetched_(evidence.fetches),
        whole_(evidence.network_recorded && fetched_.ToldWhole()),
        origins_(evidence.wheels, fetched_, whole_, evidence.earlier_wheels) {
    NameTheSilentFailure();
    for (size_t i = seen_.size(); i-- > 0;) {
      if (!seen_[i].build_dependency && seen_[i].arrived && !seen_[i].only_saved)
        by_name_[seen_[i].name].push_back(i);
    }
  }

  std::vector<v1::PackageOutcome> Derive() {
    std::vector<const v1::DistInfo*> infos;
    for (const v1::DistInfo& info : evidence_.infos) {
      if (info.place() != v1::DistInfo::PLACE_INSTALLER) infos.push_back(&info);
    }
    std::stable_sort(infos.begin(), infos.end(), [](const auto* left, const auto* right) {
      return std::pair(Rank(*left), left->written_at()) < std::pair(Rank(*right), right->written_at());
    });
    for (const v1::DistInfo* info : infos) ++unmatched_[KeyOf(*info)];
    for (const v1::DistInfo* info : infos) {
      const PackageObservation* seen = Match(*info);
      if (seen != nullptr || IsFound(*info)) AddInstalled(*info, seen);
    }
    for (size_t i = 0; i < seen_.size(); ++i) {
      if (!used_[i]) AddSeen(seen_[i]);
    }
    AddSavedWheels();
    AddFetchedDependencies();
    std::sort(outcomes_.begin(), outcomes_.end(), [](const auto& left, const auto& right) {
      const auto key = [](const v1::PackageOutcome& outcome) {
        return std::tuple(outcome.scope() != kRuntime, outcome.name(), outcome.version(),
                          outcome.environment());
      };
      return key(left) < key(right);
    });
    if (outcomes_.size() > kMostOutcomes) outcomes_.resize(kMostOutcomes);
    return std::move(outcomes_);
  }

 private:
  // True if an interpreter of the image finds it, or a folder that the command names has it.
  bool IsFound(const v1::DistInfo& info) const {
    switch (info.place()) {
      case v1::DistInfo::PLACE_INTERPRETER:
      case v1::DistInfo::PLACE_VIRTUAL_ENVIRONMENT:
      case v1::DistInfo::PLACE_USER_SITE:
        // What `python -m venv` puts into every environment is no package of the recipe's.
        return !info.seed();
      case v1::DistInfo::PLACE_FOLDER:
        return std::find(folders_.begin(), folders_.end(), info.environment()) != folders_.end();
      case v1::DistInfo::PLACE_PREFIX:
      case v1::DistInfo::PLACE_OTHER_ROOT:
        return std::any_of(folders_.begin(), folders_.end(),
                           [&](const std::string& folder) { return IsBelow(info.environment(), folder); });
      default:
        return false;
    }
  }

  static std::pair<std::string, std::string> KeyOf(const v1::DistInfo& info) {
    return {NormalisePackageName(info.name()), CanonicalVersion(info.version())};
  }

  // The observation of an installed package: of its name and version, in its environment if the console named
  // one, else by the time. One without a version (uv, for a URL) is paired by its name.
  const PackageObservation* Match(const v1::DistInfo& info) {
    const auto key = KeyOf(info);
    const size_t unmatched = unmatched_[key]--;
    const auto named = by_name_.find(key.first);
    if (named == by_name_.end()) return nullptr;
    // The last first.
    std::vector<size_t> fitting;
    for (const size_t i : named->second) {
      if (used_[i]) continue;
      if (!seen_[i].version.empty() && CanonicalVersion(seen_[i].version) != key.second) continue;
      if (!seen_[i].environment.empty() &&
          std::string_view(seen_[i].environment).substr(1) == info.environment()) {
        fitting = {i};
        break;
      }
      fitting.push_back(i);
    }
    if (fitting.empty()) return nullptr;
    const size_t best = Choose(fitting, info.written_at(), unmatched);
    used_[best] = true;
    return &seen_[best];
  }

  // An installer says that it is done soon after it wrote the record. A line's time is that of the first byte
  // which travelled with it, so it can be some 100 ms too early. Where time decides nothing (none is known,
  // or the console came in one piece at the end) the last observations are those of the records, in their
  // order.
  size_t Choose(const std::vector<size_t>& fitting, int64_t written_at, size_t unmatched) const {
    constexpr int64_t kOnePiece = 150'000'000;
    const auto said = [&](size_t i) { return seen_[i].arrived_ns; };
    if (written_at > 0 && said(fitting.front()) - said(fitting.back()) > kOnePiece) {
      for (size_t at = fitting.size(); at-- > 0;) {
        if (said(fitting[at]) + kOnePiece >= written_at) return fitting[at];
      }
    }
    return fitting[std::min(std::max<size_t>(unmatched, 1), fitting.size()) - 1];
  }

  v1::PackageOutcome Base(std::string_view scope, const std::string& name, const std::string& version) const {
    v1::PackageOutcome outcome;
    outcome.set_name(name);
    outcome.set_version(version);
    outcome.set_scope(std::string(scope));
    outcome.set_seconds(-1);
    outcome.set_emulated(evidence_.emulated);
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

  static void SetOutcome(v1::Outcome word, v1::PackageOutcome* outcome) {
    outcome->set_outcome(word);
    if (word == v1::OUTCOME_UNKNOWN) outcome->set_remedy(std::string(kHowToKnow));
  }

  void AddInstalled(const v1::DistInfo& info, const PackageObservation* seen) {
    v1::PackageOutcome outcome = Base(kRuntime, NormalisePackageName(info.name()), info.version());
    outcome.set_tag(CompressTags(info));
    outcome.set_environment(Place(info.environment()));
    outcome.set_installed(true);
    if (seen != nullptr) AddConsole(*seen, &outcome);
    outcome.add_witnesses("layer");
    const PackageOrigins::Judgement judged = origins_.Judge(info, seen, HasUnexplained());
    SetOutcome(judged.outcome, &outcome);
    compiled_ |= judged.outcome == v1::OUTCOME_SOURCE || IsBuiltFromAddress(info);
    outcome.set_conflict(judged.conflict);
    if (judged.file != nullptr) AddFile(*judged.file, &outcome);
    if (judged.outcome == v1::OUTCOME_WHEEL && seen != nullptr && seen->built) {
      // The console was not believed.
      outcome.clear_built_sha256();
      outcome.clear_built_size();
      outcome.set_file_name(judged.file != nullptr ? judged.file->file_name : "");
    }
    if (outcome.outcome() == v1::OUTCOME_UNKNOWN && !judged.tunnel.empty()) {
      outcome.set_outcome(v1::OUTCOME_BYPASSED);
      outcome.set_remedy(
          fmt::format("it may have come through the connection to {}, into which nobody sees: let the "
                      "installer use the index that the farm offers",
                      judged.tunnel));
    }
    outcomes_.push_back(std::move(outcome));
  }

  // The file of the network that it was made of.
  static void AddFile(const FetchedFile& file, v1::PackageOutcome* outcome) {
    outcome->add_witnesses(file.bypassed ? "proxy" : "index");
    if (outcome->file_name().empty()) outcome->set_file_name(file.file_name);
    outcome->set_compiled_in_build(file.compiled_in_build);
    outcome->set_compiled_by_execution(file.compiled_by_execution);
    if (outcome->seconds() < 0 && file.wheel) outcome->set_seconds(file.seconds);
  }

  // Names that the layer or the console have as packages of their own: installed, kept, tried or passed over.
  std::set<std::string> OwnNames() const {
    std::set<std::string> names;
    for (const v1::DistInfo& info : evidence_.infos) {
      if (info.place() != v1::DistInfo::PLACE_INSTALLER) names.insert(NormalisePackageName(info.name()));
    }
    // What an installer's cache has made is no package for that: a build dependency may be compiled, too.
    for (const v1::WheelFile& wheel : evidence_.wheels) {
      if (!wheel.added() || IsCached(wheel)) continue;
      names.insert(ParsePackageFile(wheel.file_name()).name);
    }
    for (const PackageObservation& seen : seen_) {
      if (!seen.build_dependency) names.insert(seen.name);
    }
    return names;
  }

  // A file came that is no package of its own.
  bool HasUnexplained() {
    if (!unexplained_.has_value()) {
      const std::set<std::string> names = OwnNames();
      unexplained_ = std::any_of(fetched_.all().begin(), fetched_.all().end(),
                                 [&](const auto& file) { return !names.contains(file.first.first); });
    }
    return *unexplained_;
  }

  // pip -q does not say whose metadata could not be made. If one source came that is nowhere else, it is
  // that.
  void NameTheSilentFailure() {
    const auto silent = std::find_if(seen_.begin(), seen_.end(), [](const PackageObservation& seen) {
      return seen.failed && seen.name == kUnnamed;
    });
    if (silent == seen_.end()) return;
    const std::set<std::string> names = OwnNames();
    const FetchedFile* only = nullptr;
    for (const auto& [key, files] : fetched_.all()) {
      if (files.sources.empty() || names.contains(key.first)) continue;
      if (only != nullptr) return;
      only = &files.sources.front();
    }
    if (only == nullptr) return;
    silent->name = only->name;
    silent->version = only->version;
    silent->file_name = only->file_name;
  }

  // What a silent installer fetched to compile something else. Other versions of what was installed are
  // candidates that were not taken; a wheel that the step left in a folder was fetched for itself. Of a step
  // that failed nobody knows what was still to be installed.
  void AddFetchedDependencies() {
    const bool compiled =
        compiled_ || std::any_of(outcomes_.begin(), outcomes_.end(),
                                 [](const auto& outcome) { return outcome.outcome() == v1::OUTCOME_SOURCE; });
    if (!compiled || !evidence_.has_layer) return;
    std::set<std::string> known = OwnNames();
    for (const v1::PackageOutcome& outcome : outcomes_) known.insert(outcome.name());
    for (const auto& [key, files] : fetched_.all()) {
      if (known.contains(key.first)) continue;
      const FetchedFile& file = files.wheels.empty() ? files.sources.front() : files.wheels.front();
      v1::PackageOutcome outcome = Base(kBuildDependency, file.name, file.version);
      outcome.set_outcome(file.compiled_by_execution != 0 ? v1::OUTCOME_SOURCE_CACHED
                          : file.wheel                    ? v1::OUTCOME_WHEEL
                                                          : v1::OUTCOME_SOURCE);
      outcome.set_tag(file.tag);
      AddFile(file, &outcome);
      outcomes_.push_back(std::move(outcome));
    }
  }

  // A name that an index gives is asked of it first.
  bool IsAskedOrLocal(const PackageObservation& seen) const {
    switch (seen.origin) {
      case PackageOrigin::kFolderWheel:
      case PackageOrigin::kFolderSource:
      case PackageOrigin::kVcs:
      case PackageOrigin::kLocal:
      case PackageOrigin::kEditable:
        return true;
      default:
        return fetched_.Asked(seen.name) || FindSaved(seen) != nullptr;
    }
  }

  // Seen on the console only.
  void AddSeen(const PackageObservation& seen) {
    const bool installed = seen.arrived && !seen.only_saved;
    // Presence is the layer's word: it was removed again, or lies in a mount.
    if (installed && !seen.build_dependency && evidence_.has_layer) return;
    // pip says nothing of what it was building when it was killed.
    const bool cut_short = seen.building_since_ns && evidence_.timed_out_at;
    if (!seen.arrived && !seen.built && !seen.failed && !cut_short) return;
    if (evidence_.has_layer && whole_ && !IsAskedOrLocal(seen)) return;
    v1::PackageOutcome outcome =
        Base(seen.build_dependency ? kBuildDependency : kRuntime, seen.name, seen.version);
    AddConsole(seen, &outcome);
    if (cut_short) {
      AddCutShort(seen, &outcome);
      outcomes_.push_back(std::move(outcome));
      return;
    }
    if (seen.failed) {
      outcome.set_outcome(v1::OUTCOME_FAILED);
      AddFailure(seen, &outcome);
    } else {
      const PackageOrigins::Judgement judged = origins_.Judge(seen);
      SetOutcome(judged.outcome, &outcome);
      if (judged.file != nullptr) AddFile(*judged.file, &outcome);
      if (const v1::WheelFile* wheel = FindSaved(seen)) outcome.set_environment(Place(FolderOf(*wheel)));
    }
    outcomes_.push_back(std::move(outcome));
  }

  void AddFailure(const PackageObservation& seen, v1::PackageOutcome* outcome) const {
    outcome->set_failure_class(seen.failure.failure_class);
    outcome->set_failure_line(seen.failure.line);
    const failures::Situation situation{evidence_.root, evidence_.run, seen.failed_by_uv,
                                        seen.failure.python_prefix, seen.failure.python_version};
    failures::Remedy remedy =
        failures::MakeRemedy(seen.failure.need, evidence_.rules->providers(), situation);
    outcome->set_remedy(std::move(remedy.sentence));
    for (std::string& line : remedy.lines) outcome->add_remedy_lines(std::move(line));
  }

  void AddCutShort(const PackageObservation& seen, v1::PackageOutcome* outcome) const {
    outcome->set_outcome(v1::OUTCOME_FAILED);
    outcome->set_failure_class("time-limit");
    outcome->set_failure_line(evidence_.timeout_words);
    outcome->set_remedy("raise --step-timeout, or use a native worker or a wheel");
    outcome->set_seconds(
        static_cast<double>(std::max<int64_t>(0, *evidence_.timed_out_at - *seen.building_since_ns)) / 1e9);
  }

  static std::string FolderOf(const v1::WheelFile& wheel) {
    const size_t slash = wheel.path().rfind('/');
    return slash == std::string::npos ? std::string() : wheel.path().substr(0, slash);
  }

  const v1::WheelFile* FindSaved(const PackageObservation& seen) const {
    for (const v1::WheelFile& wheel : evidence_.wheels) {
      if (wheel.added() && wheel.origin() == v1::WheelFile::ORIGIN_UNKNOWN &&
          wheel.file_name() == seen.file_name) {
        return &wheel;
      }
    }
    return nullptr;
  }

  // What a silent `pip wheel` made or fetched, as far as it is proved: by the tag, or by what came.
  v1::Outcome OfSavedWheel(const PackageFile& file, const std::string& file_name) const {
    if (const FetchedFiles::Files* files = fetched_.Find(file.name, file.version)) {
      const bool came = std::any_of(files->wheels.begin(), files->wheels.end(),
                                    [&](const FetchedFile& wheel) { return wheel.file_name == file_name; });
      if (came && fetched_.FarmWheel(file_name) != nullptr) return v1::OUTCOME_SOURCE_CACHED;
      if (came) return files->sources.empty() ? v1::OUTCOME_WHEEL : v1::OUTCOME_UNKNOWN;
      if (files->wheels.empty() && !files->sources.empty()) return v1::OUTCOME_SOURCE;
    }
    if (BuildsWheels(evidence_.run) && !fetched_.Asked(file.name)) return v1::OUTCOME_LOCAL;
    return IsCompiledHere(file.tag, file.version) ? v1::OUTCOME_SOURCE : v1::OUTCOME_UNKNOWN;
  }

  void AddSavedWheels() {
    if (evidence_.wheels.empty() || (!MakesWheels(evidence_.run) && !BuildsWheels(evidence_.run))) return;
    std::set<std::pair<std::string, std::string>> known;
    for (const v1::PackageOutcome& outcome : outcomes_) {
      known.emplace(outcome.name(), CanonicalVersion(outcome.version()));
    }
    for (const v1::WheelFile& wheel : evidence_.wheels) {
      if (!wheel.added() || IsCached(wheel)) continue;
      const PackageFile file = ParsePackageFile(wheel.file_name());
      const v1::Outcome word = OfSavedWheel(file, wheel.file_name());
      if (word == v1::OUTCOME_UNKNOWN) continue;
      if (!known.emplace(file.name, CanonicalVersion(file.version)).second) continue;
      v1::PackageOutcome outcome = Base(kRuntime, file.name, file.version);
      outcome.set_outcome(word);
      outcome.set_tag(file.tag);
      outcome.set_file_name(wheel.file_name());
      compiled_ |= word == v1::OUTCOME_LOCAL;
      outcome.set_environment(Place(FolderOf(wheel)));
      outcome.add_witnesses("layer");
      if (fetched_.Find(file.name, file.version) != nullptr) outcome.add_witnesses("index");
      if (const FetchedFile* farm = fetched_.FarmWheel(wheel.file_name()); farm != nullptr) {
        outcome.set_compiled_in_build(farm->compiled_in_build);
        outcome.set_compiled_by_execution(farm->compiled_by_execution);
      }
      outcomes_.push_back(std::move(outcome));
    }
  }

  std::vector<PackageObservation> seen_;
  // Parallel to seen_: already put together with a record of the layer.
  std::vector<bool> used_;
  // Indexes into seen_ of what was installed, the last first.
  std::map<std::string, std::vector<size_t>> by_name_;
  // Records that no observation was looked for yet, by name and version.
  std::map<std::pair<std::string, std::string>, size_t> unmatched_;
  const StepEvidence& evidence_;
  const std::vector<std::string> folders_;
  const FetchedFiles fetched_;
  // `fetched_` is all that came.
  const bool whole_;
  PackageOrigins origins_;
  // Something was compiled, as far as it is in the layer.
  bool compiled_ = false;
  std::optional<bool> unexplained_;
  std::vector<v1::PackageOutcome> outcomes_;
};

}  // namespace

StepEvidence EvidenceOf(const v1::Run& run, const v1::StepResult& result, bool emulated) {
  StepEvidence evidence;
  evidence.run = run;
  evidence.infos.assign(result.dist_infos().begin(), result.dist_infos().end());
  for (v1::DistInfo& info : evidence.infos) {
    // A time that something else set tells nothing.
    if (info.written_at() < result.started_at() || info.written_at() > result.finished_at())
      info.clear_written_at();
  }
  evidence.wheels.assign(result.wheels().begin(), result.wheels().end());
  evidence.has_layer = result.has_layer();
  evidence.emulated = emulated;
  evidence.fetches = result.fetches();
  evidence.root = result.root();
  evidence.network_recorded = result.has_fetches() && (run.network() == v1::NETWORK_MODE_UNSPECIFIED ||
                                                       run.network() == v1::NETWORK_MODE_RECORDED);
  if (result.timed_out()) {
    evidence.timed_out_at = result.finished_at();
    evidence.timeout_words = result.failure();
  }
  return evidence;
}

void AddEarlierWheels(absl::Span<const v1::PackageOutcome> outcomes, std::vector<EarlierWheel>* wheels) {
  for (const v1::PackageOutcome& outcome : outcomes) {
    if (!ParsePackageFile(outcome.file_name()).wheel || outcome.outcome() == v1::OUTCOME_FAILED) continue;
    // A wheel that was made of a folder and saved.
    const bool saved = outcome.outcome() == v1::OUTCOME_LOCAL && !outcome.installed();
    const bool compiled = outcome.outcome() == v1::OUTCOME_SOURCE || saved ||
                          outcome.outcome() == v1::OUTCOME_SOURCE_CACHED || !outcome.built_sha256().empty();
    if (!compiled && outcome.outcome() != v1::OUTCOME_WHEEL) continue;
    wheels->push_back({outcome.file_name(), compiled, !outcome.installed()});
  }
}

void AddEarlierWheels(const v1::StepFetches& fetches, std::vector<EarlierWheel>* wheels) {
  const FetchedFiles fetched(fetches);
  for (const auto& [key, files] : fetched.all()) {
    for (const FetchedFile& wheel : files.wheels) wheels->push_back({wheel.file_name, false, false});
  }
}

std::vector<v1::PackageOutcome> DerivePackages(std::vector<PackageObservation> seen,
                                               const StepEvidence& evidence) {
  return Outcomes(std::move(seen), evidence).Derive();
}

}  // namespace crossmill::packages
