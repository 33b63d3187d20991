// Which file of an index page pip takes for a requirement in an environment, and if that is no wheel: why,
// and what would help. Agrees with the finder of pip 26.3, which the tests compare it with.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/python/file_hash.h"
#include "common/python/python_environment.h"
#include "common/python/specifier.h"
#include "common/wheels/project_files.h"

namespace crossmill::python {

struct ChoiceRules {
  SpecifierSet specifier;
  // Not empty: only files with one of them.
  std::vector<FileHash> hashes;
  // --no-binary, --only-binary: FormatControl says it for a name.
  bool allow_wheels = true;
  bool allow_sources = true;
  bool prefer_binary = false;
  // --pre; nullopt: those that the specifier names, else only if there is nothing else.
  std::optional<bool> prereleases;
  // Only what was uploaded before.
  std::optional<absl::Time> exclude_newer;
  bool ignore_requires_python = false;
};

enum class ReasonKind {
  // Of a version.
  kNoWheel,
  kNoWheelForArchitecture,
  kNoWheelForSystem,
  kNewerGlibc,
  kNewerMusl,
  // The wheels are for musl, this Python is not; the wheels are for glibc, this Python is not.
  kOnlyMusllinux,
  kNoMusllinux,
  kNoWheelForPython,
  kOnlyFreeThreaded,
  kNotFreeThreaded,
  kYanked,
  kRequiresPython,
  kTooNew,
  kUploadTimeUnknown,
  kHashNotAllowed,
  // The user said so: --no-binary, --only-binary.
  kWheelsNotAllowed,
  kSourcesNotAllowed,
  kNoSource,
  // Of the project.
  kNoFiles,
  kNoVersion,
};

struct Reason {
  ReasonKind kind = ReasonKind::kNoWheel;
  // The file that came nearest; empty where there is none.
  std::string evidence;
  // One sentence for people.
  std::string sentence;
};

// What would give a wheel.
struct Help {
  // The nearest versions with a wheel that fits, whatever the specifier says; empty if there is none.
  std::string older_version;
  std::string newer_version;
  // "3.10": Pythons for which the version has a wheel here.
  std::vector<std::string> pythons;
  // The oldest glibc, and the oldest musl, for which it has one.
  std::vector<Libc> libcs;
  // One for each of these.
  std::vector<std::string> sentences;
};

struct Choice {
  enum class Kind { kWheel, kSource, kNone };
  Kind kind = Kind::kNone;
  // Of the chosen file; null for kNone. Points into the ProjectFiles.
  const ListedFile* file = nullptr;
  // Of kWheel: the place of its best tag.
  std::optional<size_t> tag_rank;
  // Of kSource and kNone: the version that they are about (the chosen one, or the newest that was asked for),
  // why none of its wheels was taken, the nearest reason first, and what would help.
  std::string explained_version;
  std::vector<Reason> reasons;
  Help help;
};

Choice Choose(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment);

}  // namespace crossmill::python
