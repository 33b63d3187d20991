#include "common/packages/package_origin.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/words/words.h"

namespace crossmill::packages {
namespace {

// What direct_url.json (PEP 610) says: what was asked for was a URL, not a name.
struct DirectUrl {
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
  // A wheel in a folder: where that came from is another question.
  std::string folder_wheel;
};

DirectUrl ReadDirectUrl(const std::string& text) {
  if (text.empty()) return {};
  const auto document = ParseJson(text);
  if (!document.ok() || !document->is_object()) return {};
  if (document->contains("vcs_info")) return {v1::OUTCOME_VCS, {}};
  if (const auto folder = document->find("dir_info"); folder != document->end()) {
    const auto editable = folder->is_object() ? folder->find("editable") : folder->end();
    const bool is_editable =
        folder->is_object() && editable != folder->end() && editable->is_boolean() && editable->get<bool>();
    return {is_editable ? v1::OUTCOME_EDITABLE : v1::OUTCOME_LOCAL, {}};
  }
  const auto url = document->find("url");
  if (url == document->end() || !url->is_string()) return {};
  const std::string address = url->get<std::string>();
  const PackageFile file = ParsePackageFile(address);
  if (address.rfind("file:", 0) == 0) {
    if (!file.wheel) return {v1::OUTCOME_LOCAL, {}};
    return {v1::OUTCOME_UNSPECIFIED, address.substr(address.rfind('/') + 1)};
  }
  if (file.name.empty()) return {};
  return {file.wheel ? v1::OUTCOME_WHEEL : v1::OUTCOME_SOURCE, {}};
}

bool IsDirect(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_VCS || outcome == v1::OUTCOME_LOCAL || outcome == v1::OUTCOME_EDITABLE;
}

bool IsCompiled(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_SOURCE || outcome == v1::OUTCOME_SOURCE_CACHED;
}

bool IsUnknown(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_UNKNOWN || outcome == v1::OUTCOME_UNSPECIFIED;
}

// A package asked for by URL or folder is still compiled or not: these are no disagreement.
bool Compatible(v1::Outcome console, v1::Outcome layer) {
  if (console == layer || IsUnknown(console) || IsUnknown(layer)) return true;
  // The tag shows that it was compiled, not when.
  if (IsCompiled(console) && IsCompiled(layer)) return true;
  return IsDirect(console) || IsDirect(layer);
}

// A platform that only published wheels name: manylinux, musllinux.
bool IsPublishedTag(std::string_view tag) {
  return !tag.empty() && !tag.ends_with("-any") && tag.find("-linux_") == tag.npos &&
         tag.find(".linux_") == tag.npos;
}

// In any order: a file's name and the record in the layer each have their own.
bool SameTags(std::string_view a, std::string_view b) {
  const auto parts = [](std::string_view tag) {
    std::vector<std::set<std::string>> sets;
    for (const absl::string_view part : absl::StrSplit(Av(tag), '-'))
      sets.push_back(absl::StrSplit(part, '.'));
    return sets;
  };
  return parts(a) == parts(b);
}

}  // namespace

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

bool IsCompiledHere(std::string_view tag, std::string_view version) {
  return IsLocallyCompiledTag(tag) && version.find('+') == version.npos;
}

bool IsDistroPackage(const v1::DistInfo& info) {
  if (info.installer() == "rpm" || info.installer() == "conda" || info.installer() == "debian" ||
      info.installer() == "apk") {
    return true;
  }
  // Debian's and Alpine's packages come without INSTALLER; /usr/local is the administrator's.
  return info.installer().empty() && !info.setup_py_install() && info.path().starts_with("usr/lib/python3");
}

bool IsBuiltFromAddress(const v1::DistInfo& info) {
  return info.form() == v1::DistInfo::FORM_EGG_LINK || IsDirect(ReadDirectUrl(info.direct_url()).outcome);
}

PackageOrigins::PackageOrigins(const std::vector<v1::WheelFile>& wheels, const FetchedFiles& fetched,
                               bool whole, const std::function<std::vector<EarlierWheel>()>& earlier)
    : fetched_(fetched), whole_(whole), ask_earlier_(earlier) {
  for (const v1::WheelFile& wheel : wheels) {
    if (wheel.origin() == v1::WheelFile::ORIGIN_UNKNOWN) continue;
    const PackageFile file = ParsePackageFile(wheel.file_name());
    if (file.name.empty()) continue;
    Traces& traces = traces_[{file.name, CanonicalVersion(file.version)}];
    if (wheel.origin() == v1::WheelFile::ORIGIN_FETCHED) {
      traces.fetched = true;
    } else {
      (wheel.added() ? traces.built_now : traces.built_before) = true;
    }
  }
}

PackageOrigins::Traces PackageOrigins::TracesOf(std::string_view name, std::string_view version) const {
  const auto found = traces_.find({std::string(name), CanonicalVersion(version)});
  return found == traces_.end() ? Traces{} : found->second;
}

std::optional<EarlierWheel> PackageOrigins::Earlier(std::string_view file_name, bool saved_only) {
  if (!earlier_.has_value()) {
    earlier_.emplace();
    if (ask_earlier_) {
      for (EarlierWheel& wheel : ask_earlier_()) {
        EarlierWheel& known = (*earlier_)[wheel.file_name];
        wheel.compiled |= known.compiled;
        wheel.saved |= known.saved;
        known = std::move(wheel);
      }
    }
  }
  const auto found = earlier_->find(file_name);
  if (found == earlier_->end() || (saved_only && !found->second.saved)) return std::nullopt;
  return found->second;
}

v1::Outcome PackageOrigins::OfFolderWheel(std::string_view file_name, std::string_view name,
                                          std::string_view version, std::string_view tag) {
  const Traces traces = TracesOf(name, version);
  const auto earlier = Earlier(file_name, /*saved_only=*/false);
  if (IsCompiledHere(tag, version) || traces.built_now || traces.built_before)
    return v1::OUTCOME_SOURCE_CACHED;
  if (earlier.has_value()) return earlier->compiled ? v1::OUTCOME_SOURCE_CACHED : v1::OUTCOME_WHEEL;
  if (IsPublishedTag(tag) || traces.fetched) return v1::OUTCOME_WHEEL;
  // A file in a folder, and nobody knows whose.
  return v1::OUTCOME_LOCAL;
}

v1::Outcome PackageOrigins::OfConsole(const PackageObservation& seen, std::string_view name,
                                      std::string_view version, std::string_view tag) {
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
    case PackageOrigin::kFolderSource:
      return v1::OUTCOME_SOURCE;
    case PackageOrigin::kWheel:
      return seen.built ? v1::OUTCOME_SOURCE : v1::OUTCOME_WHEEL;
    case PackageOrigin::kFolderWheel:
      return seen.built ? v1::OUTCOME_SOURCE : OfFolderWheel(seen.file_name, name, version, tag);
    case PackageOrigin::kUnknown:
      break;
  }
  return seen.built ? v1::OUTCOME_SOURCE : v1::OUTCOME_UNKNOWN;
}

PackageOrigins::Judgement PackageOrigins::Judge(const PackageObservation& seen) {
  if (!seen.built) {
    if (const FetchedFile* file = fetched_.FarmWheel(seen.file_name)) {
      return {v1::OUTCOME_SOURCE_CACHED, {}, file};
    }
  }
  return {OfConsole(seen, seen.name, seen.version, ParsePackageFile(seen.file_name).tag), {}};
}

v1::Outcome PackageOrigins::OfLayer(const v1::DistInfo& info, std::string_view tag) {
  if (info.form() == v1::DistInfo::FORM_EGG_LINK) return v1::OUTCOME_EDITABLE;
  if (IsDistroPackage(info)) return v1::OUTCOME_DISTRO;
  // setup.py ran: there is no other way to an egg-info here.
  if (info.setup_py_install() || info.form() == v1::DistInfo::FORM_EGG_INFO) return v1::OUTCOME_SOURCE;
  const std::string name = NormalisePackageName(info.name());
  const Traces traces = TracesOf(name, info.version());
  const bool compiled = info.uv_build() || IsCompiledHere(tag, info.version());
  if (compiled || traces.built_now || traces.built_before) {
    if (traces.built_now) return v1::OUTCOME_SOURCE;
    if (traces.built_before) return v1::OUTCOME_SOURCE_CACHED;
  }
  if (!compiled && (IsPublishedTag(tag) || traces.fetched)) return v1::OUTCOME_WHEEL;
  std::string stem = info.name();
  std::replace(stem.begin(), stem.end(), '-', '_');
  for (const std::string& spelling : {stem, info.name()}) {
    const auto earlier =
        Earlier(fmt::format("{}-{}-{}.whl", spelling, info.version(), tag), /*saved_only=*/true);
    if (earlier.has_value()) return earlier->compiled ? v1::OUTCOME_SOURCE_CACHED : v1::OUTCOME_WHEEL;
  }
  return compiled ? v1::OUTCOME_SOURCE : v1::OUTCOME_UNKNOWN;
}

// The installer took it for a wheel of the index, the layer for something that was compiled; both are right.
const FetchedFile* PackageOrigins::FarmWheel(const v1::DistInfo& info, const PackageObservation* seen,
                                             std::string_view tag) const {
  if (seen != nullptr && seen->built) return nullptr;
  const FetchedFiles::Files* files = fetched_.Find(NormalisePackageName(info.name()), info.version());
  if (files == nullptr) return nullptr;
  const FetchedFile* file = nullptr;
  OfNetwork(*files, tag, info.written_at(), &file);
  return file != nullptr && file->compiled_by_execution != 0 ? file : nullptr;
}

PackageOrigins::Judgement PackageOrigins::Judge(const v1::DistInfo& info, const PackageObservation* seen,
                                                bool unexplained) {
  const std::string tag = CompressTags(info);
  if (!IsDistroPackage(info) && info.direct_url().empty()) {
    if (const FetchedFile* file = FarmWheel(info, seen, tag)) return {v1::OUTCOME_SOURCE_CACHED, {}, file};
  }
  Judgement judged = JudgeInstall(info, seen, tag);
  // A distribution's own package did not come from an index, whatever else was fetched.
  if (judged.outcome == v1::OUTCOME_DISTRO || IsDirect(judged.outcome)) return judged;
  const std::string name = NormalisePackageName(info.name());
  AddFetched(info, seen, tag, &judged);
  // Compiled, but not of anything that came, although its index was asked: it came from a cache that the
  // layer does not show. A source in a folder would be compiled with files that came.
  if (judged.outcome == v1::OUTCOME_SOURCE && IsUnknown(judged.console) && whole_ &&
      !info.setup_py_install() && info.form() == v1::DistInfo::FORM_DIST_INFO &&
      !TracesOf(name, info.version()).built_now && fetched_.Asked(name) &&
      fetched_.Find(name, info.version()) == nullptr && (!unexplained || fetched_.HasSources())) {
    judged.outcome = v1::OUTCOME_SOURCE_CACHED;
  }
  return judged;
}

// A wheel that came and has the tag of what is installed is what was installed. A source alone is what it was
// compiled of. Wheels with other tags prove nothing: installers look at files that they do not take. Of both,
// where the tag is also what a compilation gives, it is what came last before the record was written.
v1::Outcome PackageOrigins::OfNetwork(const FetchedFiles::Files& files, std::string_view tag,
                                      int64_t written_at, const FetchedFile** file) const {
  const auto last_in_time = [&](const std::vector<FetchedFile>& candidates, auto fits) {
    const FetchedFile* last = nullptr;
    for (const FetchedFile& candidate : candidates) {
      const bool too_late = written_at > 0 && candidate.came_at > written_at + kFileTimeStep;
      if (!too_late && fits(candidate)) last = &candidate;
    }
    return last;
  };
  const FetchedFile* wheel =
      last_in_time(files.wheels, [&](const FetchedFile& candidate) { return SameTags(candidate.tag, tag); });
  const FetchedFile* source = last_in_time(files.sources, [](const FetchedFile&) { return true; });
  if (wheel == nullptr) {
    if (!files.wheels.empty() || source == nullptr) return v1::OUTCOME_UNKNOWN;
    *file = source;
    return v1::OUTCOME_SOURCE;
  }
  const bool either = source != nullptr && !IsPublishedTag(tag);
  if (either && (written_at == 0 || source->came_at == 0)) return v1::OUTCOME_UNKNOWN;
  const bool compiled = either && source->came_at > wheel->came_at;
  *file = compiled ? source : wheel;
  return compiled ? v1::OUTCOME_SOURCE : v1::OUTCOME_WHEEL;
}

void PackageOrigins::AddFetched(const v1::DistInfo& info, const PackageObservation* seen,
                                std::string_view tag, Judgement* judged) const {
  const FetchedFiles::Files* files = fetched_.Find(NormalisePackageName(info.name()), info.version());
  if (files == nullptr) {
    if (IsUnknown(judged->outcome)) judged->tunnel = fetched_.tunnel();
    return;
  }
  const v1::Outcome network = OfNetwork(*files, tag, info.written_at(), &judged->file);
  if (IsUnknown(network)) return;
  const v1::Outcome said = judged->outcome;
  const auto disagree = [&](std::string_view who) {
    if (!judged->conflict.empty()) judged->conflict += "; ";
    judged->conflict += fmt::format("{}: {}; network: only {}", who, Word(said), judged->file->file_name);
  };
  if (IsUnknown(judged->console)) {
    // Tags are what a package says of itself: a build may claim a published one, and an index may publish
    // what has that of a compilation. What came is what it was.
    if (said == v1::OUTCOME_WHEEL && network == v1::OUTCOME_SOURCE) disagree("layer");
    judged->outcome = network;
  } else if (said == v1::OUTCOME_WHEEL && network == v1::OUTCOME_SOURCE) {
    disagree("console");
  } else if (said == v1::OUTCOME_SOURCE && network == v1::OUTCOME_WHEEL && whole_ &&
             seen->origin != PackageOrigin::kFolderSource) {
    // Any program can print that something was built; without a source nothing was.
    disagree("console");
    judged->outcome = network;
  } else if (said != network) {
    // Compiled although a wheel came: it was made of something else, a folder or a checkout.
    judged->file = nullptr;
  }
}

PackageOrigins::Judgement PackageOrigins::JudgeInstall(const v1::DistInfo& info,
                                                       const PackageObservation* seen, std::string_view tag) {
  const std::string name = NormalisePackageName(info.name());
  const DirectUrl direct = ReadDirectUrl(info.direct_url());
  v1::Outcome layer = direct.outcome;
  if (!direct.folder_wheel.empty()) layer = OfFolderWheel(direct.folder_wheel, name, info.version(), tag);
  if (IsUnknown(layer)) layer = OfLayer(info, tag);
  if (seen == nullptr) return {layer, {}};
  const auto judge = [](v1::Outcome outcome, v1::Outcome said, std::string conflict) {
    Judgement judged;
    judged.outcome = outcome;
    judged.conflict = std::move(conflict);
    judged.console = said;
    return judged;
  };
  v1::Outcome console = OfConsole(*seen, name, info.version(), tag);
  bool inferred = false;
  if (IsUnknown(console) && seen->by_uv) {
    inferred = true;
    // uv says when it builds: without that its mark, or a compiled tag, is a build from its cache. Nothing of
    // the kind is a wheel.
    console = IsCompiled(layer) ? v1::OUTCOME_SOURCE_CACHED : IsUnknown(layer) ? v1::OUTCOME_WHEEL : layer;
  }
  if (IsUnknown(console)) return {layer, {}};
  // What uv did not say: the network knows better.
  if (inferred) return judge(IsDirect(layer) ? layer : console, v1::OUTCOME_UNKNOWN, {});
  if (!Compatible(console, layer)) {
    return judge(console, console, fmt::format("console: {}; layer: {}", Word(console), Word(layer)));
  }
  // The layer knows what was asked for, the console only what was done.
  return judge(IsDirect(layer) ? layer : console, console, {});
}

}  // namespace crossmill::packages
