// Lock files of Python installers: uv.lock, pylock.toml (PEP 751), poetry.lock from 2.0 on, pdm.lock. Which
// packages an environment gets from one, with their files.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/resolver/resolver.h"
#include "common/python/marker.h"
#include "common/wheels/project_files.h"

namespace crossmill::predict {

enum class LockFormat { kUv, kPylock, kPoetry, kPdm };

struct LockedDependency {
  // Normalised; the version only where the name has several.
  std::string name;
  std::string version;
  std::vector<std::string> extras;
  std::optional<python::Marker> marker;
};

struct LockedPackage {
  // Normalised.
  std::string name;
  std::string version;
  // Not of an index: a folder, a repository, a file somewhere.
  std::string location;
  bool editable = false;
  // uv: the project itself, or one of its workspace.
  bool is_project = false;
  std::optional<python::Marker> marker;
  // By group where they have one of their own (poetry); "" stands for all.
  std::map<std::string, python::Marker> group_markers;
  std::vector<std::string> groups;
  // poetry: only with an extra.
  bool optional = false;
  // Its files as a page. Never null.
  std::shared_ptr<const python::ProjectFiles> page;
  // uv: what it requires, always, with an extra, and (of a project) in a group.
  std::vector<LockedDependency> dependencies;
  std::map<std::string, std::vector<LockedDependency>> extras;
  std::map<std::string, std::vector<LockedDependency>> dependency_groups;
};

struct LockFile {
  LockFormat format = LockFormat::kUv;
  std::vector<LockedPackage> packages;
  // Of the whole: the extras that a project has (poetry), with the packages that they name.
  std::map<std::string, std::vector<std::string>> extras;
};

// The format by the file's name; nullopt for others.
std::optional<LockFormat> LockFormatOf(std::string_view file_name);

// INVALID_ARGUMENT with the line for what is no TOML, or with the package for what is no lock of a version
// that is known; RESOURCE_EXHAUSTED for more than 32 MiB or 20,000 packages.
absl::StatusOr<LockFile> ReadLockFile(LockFormat format, std::string_view text);

// The groups that the tool installs of a project unless it is told otherwise, by its pyproject.toml; poetry's
// "main" and pdm's "default" are not among them. INVALID_ARGUMENT with the line for what is no TOML.
absl::StatusOr<std::vector<std::string>> DefaultGroups(LockFormat format, std::string_view project_text);

// What of a project is asked for.
struct LockSelection {
  std::vector<std::string> extras;
  bool all_extras = false;
  std::vector<std::string> groups;
  bool all_groups = false;
  // Not the project's own dependencies.
  bool only_groups = false;
  std::vector<std::string> without_groups;
  // Without the groups that are there by default.
  bool without_dev = false;
  // These: DefaultGroups of the project's file. nullopt: not known, and where it decides nothing is said.
  std::optional<std::vector<std::string>> default_groups;
  bool without_project = false;
};

// Each package once, by name, with the choice of its file and the reasons if it is no wheel. Pages point into
// the lock. INVALID_ARGUMENT for extras and groups that the lock does not have, and for markers that cannot
// be decided.
absl::StatusOr<std::vector<ResolvedPackage>> SelectLocked(const LockFile& lock,
                                                          const LockSelection& selection,
                                                          const python::FormatControl& format,
                                                          const python::PythonEnvironment& environment);

}  // namespace crossmill::predict
