// What an installer would install for requirements, without running it: pip's resolution (resolvelib with
// pip's preferences, as pip 26.3 has them) over pages and metadata. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/predict/resolver/project_source.h"
#include "common/python/requirements_file.h"
#include "common/wheels/candidates.h"

namespace crossmill::predict {

// Something that the user asked for, or a constraint.
struct RootRequirement {
  // By name, its url too for `name @ url`; nullopt: only `location` is known.
  std::optional<python::Requirement> requirement;
  // An address or a path without a name.
  std::string location;
  // Of that.
  std::vector<std::string> extras;
  std::optional<python::Marker> marker;
  bool editable = false;
  std::vector<python::FileHash> hashes;
  // "-r requirements.txt (line 3)"; empty for the command line.
  std::string origin;
};

// As a line of a requirements file says it, without an origin.
RootRequirement RootOf(const python::RequirementLine& line);

// A package that is already in the environment.
struct PresentPackage {
  // Normalised.
  std::string name;
  std::string version;
  // Core metadata; empty if it is not known.
  std::string metadata;
};

// pip's --upgrade-strategy; without --upgrade what is there stays if it fits.
enum class Upgrade { kNone, kOnlyIfNeeded, kEager };

struct ResolveRules {
  std::vector<RootRequirement> constraints;
  python::FormatControl format;
  bool prefer_binary = false;
  std::optional<bool> prereleases;
  std::optional<absl::Time> exclude_newer;
  bool ignore_requires_python = false;
  bool no_dependencies = false;
  // Also on as soon as one requirement has hashes.
  bool require_hashes = false;
  bool force_reinstall = false;
  Upgrade upgrade = Upgrade::kNone;
  std::vector<PresentPackage> present;
  // What a resolution may take; beyond it nothing is said.
  size_t most_rounds = 20'000;
  size_t most_packages = 2'000;
  size_t most_metadata = 10'000;
  // Files and names that are gone over, all in all: some ten seconds.
  size_t most_work = 20'000'000;
};

struct Requirer {
  // Of the package; empty for the user.
  std::string name;
  // What it asks for: "flask>=2".
  std::string text;
};

struct ResolvedPackage {
  enum class Kind {
    // A file of an index.
    kIndex,
    // From the address or path of a requirement.
    kDirect,
    // It is there already and stays.
    kPresent,
  };

  Kind kind = Kind::kIndex;
  // Normalised. A direct one whose metadata is not known may have none.
  std::string name;
  std::vector<std::string> extras;
  // Empty where only a build would say it.
  std::string version;
  // Of kIndex: the page and the choice, with reasons and help if it is no wheel.
  const python::ProjectFiles* page = nullptr;
  python::Choice choice;
  // Of kDirect.
  std::string location;
  bool editable = false;
  bool direct_wheel = false;
  std::vector<Requirer> required_by;
  bool requested = false;
  // Its own dependencies are known only once it is built: they are missing here.
  bool dependencies_unknown = false;
  // Not empty: it may come out otherwise, and why (sentences).
  std::vector<std::string> doubts;
};

struct Resolution {
  // Each package once, by name. Where it failed, what had been decided when it did.
  bool solved = false;
  std::vector<ResolvedPackage> packages;
  // Not solved: in pip's words, line by line.
  std::vector<std::string> failure;
  // Not solved because of one project: why none of its files fits, and what would help.
  std::string failed_project;
  python::Choice failed_choice;
  // Beside the packages: extras that are not there, versions left out because of their metadata. Sentences.
  std::vector<std::string> notes;
  size_t rounds = 0;
};

// Errors are those of the source; RESOURCE_EXHAUSTED names the limit of the rules that was reached.
absl::StatusOr<Resolution> Resolve(const std::vector<RootRequirement>& requirements,
                                   const ResolveRules& rules, const python::PythonEnvironment& environment,
                                   ProjectSource& source);

}  // namespace crossmill::predict
