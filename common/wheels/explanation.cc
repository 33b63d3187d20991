// The reasons of a choice that is no wheel.
#include "common/wheels/explanation.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/wheels/help.h"
#include "common/wheels/obstacles.h"

namespace crossmill::python {
namespace {

// A file that does not fit, and all that keeps it away.
struct Rejected {
  const ListedFile* file = nullptr;
  std::vector<Obstacle> obstacles;

  // The less the nearer.
  std::pair<int, int> Measure() const {
    std::pair<int, int> measure;
    for (const Obstacle& obstacle : obstacles) {
      measure.first += obstacle.weight;
      measure.second += obstacle.distance;
    }
    return measure;
  }
};

// An obstacle that becomes a reason, and the file that shows it.
struct Evidence {
  Obstacle obstacle;
  const ListedFile* file = nullptr;
};

enum class Axis { kPlatform, kPython, kRules };

Axis AxisOf(ReasonKind kind) {
  switch (kind) {
    case ReasonKind::kNoWheelForArchitecture:
    case ReasonKind::kNoWheelForSystem:
    case ReasonKind::kNewerGlibc:
    case ReasonKind::kNewerMusl:
    case ReasonKind::kOnlyMusllinux:
    case ReasonKind::kNoMusllinux:
      return Axis::kPlatform;
    case ReasonKind::kNoWheelForPython:
    case ReasonKind::kOnlyFreeThreaded:
    case ReasonKind::kNotFreeThreaded:
      return Axis::kPython;
    default:
      return Axis::kRules;
  }
}

// Nearer than another of the same axis; of the rules' obstacles, those of one kind.
bool Replaces(const Evidence& one, const Evidence& other) {
  const Axis axis = AxisOf(one.obstacle.kind);
  if (axis != AxisOf(other.obstacle.kind)) return false;
  return axis != Axis::kRules || one.obstacle.kind == other.obstacle.kind;
}

// What stands alone between a file and its use says why; if nothing stands alone, all that stands before the
// nearest.
std::vector<Evidence> Weigh(const std::vector<Rejected>& rejected) {
  std::vector<Evidence> found;
  const Rejected* nearest = nullptr;
  for (const Rejected& one : rejected) {
    if (nearest == nullptr || one.Measure() < nearest->Measure()) nearest = &one;
    if (one.obstacles.size() != 1) continue;
    const Evidence evidence{one.obstacles[0], one.file};
    const auto known = std::find_if(found.begin(), found.end(),
                                    [&](const Evidence& other) { return Replaces(evidence, other); });
    if (known == found.end()) {
      found.push_back(evidence);
    } else if (IsNearer(evidence.obstacle, known->obstacle)) {
      *known = evidence;
    }
  }
  if (found.empty() && nearest != nullptr) {
    for (const Obstacle& obstacle : nearest->obstacles) found.push_back({obstacle, nearest->file});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Evidence& a, const Evidence& b) { return IsNearer(a.obstacle, b.obstacle); });
  return found;
}

// "cp39" before "cp310".
struct ShorterFirst {
  bool operator()(const std::string& a, const std::string& b) const {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  }
};

// Writes the sentences about the wheels of one version.
class Narrator {
 public:
  Narrator(const ProjectFiles& files, const PythonEnvironment& environment, const ChoiceRules& rules,
           const Version& version)
      : files_(files),
        environment_(environment),
        rules_(rules),
        what_(files.project() + " " + version.Text()) {
    for (const ListedFile& file : files.files()) {
      if (file.wheel.has_value() && file.version == version) wheels_.push_back(&*file.wheel);
    }
  }

  Reason Tell(const Evidence& evidence) const {
    return {evidence.obstacle.kind, files_.Listed(*evidence.file).file_name, Sentence(evidence)};
  }

  Reason Tell(ReasonKind kind) const {
    return {kind, "",
            kind == ReasonKind::kNoSource ? fmt::format("{} has no source distribution.", what_)
                                          : fmt::format("{} has no wheels.", what_)};
  }

 private:
  std::string Sentence(const Evidence& evidence) const {
    switch (AxisOf(evidence.obstacle.kind)) {
      case Axis::kPlatform:
        return PlatformSentence(evidence.obstacle);
      case Axis::kPython:
        return PythonSentence(evidence.obstacle.kind);
      case Axis::kRules:
        break;
    }
    return RuleSentence(evidence);
  }

  std::string PlatformSentence(const Obstacle& obstacle) const {
    const TagEnvironment& here = environment_.tags();
    const std::string architecture = Architectures(here).front();
    if (obstacle.kind == ReasonKind::kNoWheelForArchitecture) return ArchitectureSentence(architecture);
    if (obstacle.kind == ReasonKind::kNoWheelForSystem) {
      return fmt::format("The wheels of {} are for other systems than this Linux.", what_);
    }
    std::string needed = LibcText(obstacle.libc) + " or newer";
    if (obstacle.kind == ReasonKind::kOnlyMusllinux) needed = "musl";
    if (obstacle.kind == ReasonKind::kNoMusllinux) needed = "glibc";
    if (here.libc.kind == Libc::Kind::kNone) needed = "glibc or musl";
    return fmt::format("The wheels of {} for {}{} need {}; here is {}.", what_, architecture,
                       AnyFitsPython() ? " and this Python" : "", needed, LibcText(here.libc));
  }

  bool AnyFitsPython() const {
    return std::any_of(wheels_.begin(), wheels_.end(),
                       [&](const WheelName* wheel) { return environment_.ranks().FitsPython(*wheel); });
  }

  std::string ArchitectureSentence(const std::string& architecture) const {
    std::set<std::string> there;
    for (const WheelName* wheel : wheels_) {
      for (const std::string& platform : wheel->platforms) {
        const PlatformNeed need = ReadPlatformTag(platform);
        if (need.system == PlatformNeed::System::kLinux) there.insert(need.architecture);
      }
    }
    const bool here = there.erase(architecture) > 0;
    return fmt::format("No wheel of {}{} is for {}; there are wheels for {}.", what_,
                       here ? " for this Python" : "", architecture, absl::StrJoin(there, ", "));
  }

  std::string PythonSentence(ReasonKind kind) const {
    const std::string abi = AbiName(environment_.tags());
    if (kind != ReasonKind::kNoWheelForPython) {
      return fmt::format("The wheels of {} for Python {}.{} need one {} the global lock; here is {}.", what_,
                         environment_.tags().python_major, environment_.tags().python_minor,
                         kind == ReasonKind::kOnlyFreeThreaded ? "without" : "with", abi);
    }
    std::set<std::string, ShorterFirst> all;
    std::set<std::string, ShorterFirst> on_platform;
    for (const WheelName* wheel : wheels_) {
      for (const std::string& python : wheel->pythons) {
        const std::string name =
            wheel->abis.size() == 1 && wheel->abis[0] == python + "t" ? python + "t" : python;
        all.insert(name);
        if (environment_.ranks().FitsPlatform(*wheel)) on_platform.insert(name);
      }
    }
    return fmt::format("No wheel of {}{} is for {}; there are wheels for {}.", what_,
                       AnyFitsPython() ? " for this platform" : "", abi,
                       absl::StrJoin(on_platform.empty() ? all : on_platform, ", "));
  }

  std::string RuleSentence(const Evidence& evidence) const {
    const IndexFile& file = files_.Listed(*evidence.file);
    switch (evidence.obstacle.kind) {
      case ReasonKind::kYanked:
        return file.yanked->empty() ? fmt::format("{} was yanked.", what_)
                                    : fmt::format("{} was yanked: {}.", what_, *file.yanked);
      case ReasonKind::kRequiresPython:
        return fmt::format("{} needs Python {}; here is {}.", what_, evidence.file->requires_python->Text(),
                           environment_.version().Text());
      case ReasonKind::kTooNew:
        return fmt::format("{} was uploaded on {}, and only what is older than {} is taken.", what_,
                           DateText(*file.uploaded), DateText(*rules_.exclude_newer));
      case ReasonKind::kUploadTimeUnknown:
        return fmt::format("The index does not say when {} was uploaded.", what_);
      case ReasonKind::kHashNotAllowed:
        return fmt::format("No file of {} that fits has one of the hashes that are allowed.", what_);
      case ReasonKind::kSourcesNotAllowed:
        return fmt::format("Source distributions of {} are not allowed.", files_.project());
      default:
        return fmt::format("Wheels of {} are not allowed.", files_.project());
    }
  }

  static std::string DateText(absl::Time time) {
    return absl::FormatTime("%Y-%m-%d", time, absl::UTCTimeZone());
  }

  const ProjectFiles& files_;
  const PythonEnvironment& environment_;
  const ChoiceRules& rules_;
  const std::string what_;
  std::vector<const WheelName*> wheels_;
};

// The newest that was asked for: of what is not yanked, if there is any; null if the project has none.
const Version* NewestAskedFor(const ProjectFiles& files, const ChoiceRules& rules) {
  for (const bool yanked : {false, true}) {
    std::vector<const Version*> versions;
    for (const ListedFile& file : files.files()) {
      if (yanked || !files.Listed(file).yanked.has_value()) versions.push_back(&file.version);
    }
    const Version* newest = nullptr;
    for (const size_t index : rules.specifier.Filter(versions, rules.prereleases)) {
      if (newest == nullptr || *versions[index] > *newest) newest = versions[index];
    }
    if (newest != nullptr) return newest;
  }
  return nullptr;
}

Reason NoVersion(const ProjectFiles& files, const ChoiceRules& rules) {
  if (files.files().empty()) {
    return {ReasonKind::kNoFiles, "",
            fmt::format("The index has no files of {} that pip knows.", files.project())};
  }
  const auto newest =
      std::max_element(files.files().begin(), files.files().end(),
                       [](const ListedFile& a, const ListedFile& b) { return a.version < b.version; });
  return {ReasonKind::kNoVersion, files.Listed(*newest).file_name,
          fmt::format("No version of {} is {}; the newest is {}.", files.project(), rules.specifier.Text(),
                      newest->version.Text())};
}

}  // namespace

void Explain(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment,
             bool allow_yanked, Choice& choice) {
  const Version* version = choice.file != nullptr ? &choice.file->version : NewestAskedFor(files, rules);
  if (version == nullptr) {
    choice.reasons.push_back(NoVersion(files, rules));
    return;
  }
  choice.explained_version = version->Text();
  std::vector<Rejected> wheels;
  std::vector<Rejected> sources;
  for (const ListedFile& file : files.files()) {
    if (file.version != *version) continue;
    Rejected one{&file, Obstacles(files, file, rules, environment, allow_yanked)};
    // What fits was not taken because it is not the version's best, or another hash is.
    if (!one.obstacles.empty()) (file.wheel.has_value() ? wheels : sources).push_back(std::move(one));
  }
  const Narrator narrator(files, environment, rules, *version);
  for (const Evidence& evidence : Weigh(wheels)) choice.reasons.push_back(narrator.Tell(evidence));
  if (choice.reasons.empty()) choice.reasons.push_back(narrator.Tell(ReasonKind::kNoWheel));
  if (choice.kind == Choice::Kind::kNone) {
    // Reasons that hold for both are told once.
    for (const Evidence& evidence : Weigh(sources)) {
      const bool told = std::any_of(choice.reasons.begin(), choice.reasons.end(), [&](const Reason& reason) {
        return reason.kind == evidence.obstacle.kind;
      });
      if (!told) choice.reasons.push_back(narrator.Tell(evidence));
    }
    if (sources.empty()) choice.reasons.push_back(narrator.Tell(ReasonKind::kNoSource));
  }
  choice.help = FindHelp(files, rules, environment, *version, allow_yanked);
}

}  // namespace crossmill::python
