// Which packages of a lock an environment gets.
#include <algorithm>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/locks/lock_file.h"
#include "common/python/package_name.h"
#include "common/wheels/candidates.h"

namespace crossmill::predict {
namespace {

bool ContainsName(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& one) { return python::NormaliseName(one) == name; });
}

class LockSelector {
 public:
  LockSelector(const LockFile& lock, const LockSelection& selection, const python::FormatControl& format,
               const python::PythonEnvironment& environment)
      : lock_(lock),
        selection_(selection),
        format_(format),
        environment_(environment),
        markers_(environment.Markers()) {
    markers_["extra"] = "";
  }

  absl::StatusOr<std::vector<ResolvedPackage>> Select() {
    RETURN_IF_ERROR(lock_.format == LockFormat::kUv ? WalkUv() : Filter());
    std::vector<ResolvedPackage> packages;
    for (const auto& [name, package] : chosen_) packages.push_back(Describe(*package));
    return packages;
  }

 private:
  absl::StatusOr<bool> Holds(const std::optional<python::Marker>& marker) const {
    return marker.has_value() ? marker->Evaluate(markers_) : true;
  }

  // ---- uv: from the project along its dependencies ----

  absl::Status WalkUv() {
    const auto project =
        std::find_if(lock_.packages.begin(), lock_.packages.end(), [](const LockedPackage& package) {
          return package.is_project && (package.location == "." || package.location.empty());
        });
    if (project == lock_.packages.end()) return absl::InvalidArgumentError("the lock has no project");
    if (!selection_.only_groups) {
      RETURN_IF_ERROR(Follow(project->dependencies));
      for (const auto& [extra, dependencies] : project->extras) {
        if (selection_.all_extras || ContainsName(selection_.extras, extra))
          RETURN_IF_ERROR(Follow(dependencies));
      }
      RETURN_IF_ERROR(CheckNames(selection_.extras, project->extras, "extra"));
      if (!selection_.without_project && project->editable) chosen_[project->name] = &*project;
    }
    RETURN_IF_ERROR(CheckNames(selection_.groups, project->dependency_groups, "group"));
    for (const auto& [group, dependencies] : project->dependency_groups) {
      const bool named =
          ContainsName(selection_.groups, group) || ContainsName(selection_.without_groups, group);
      if (!named) RETURN_IF_ERROR(CheckDefault(group));
      const bool by_default = !selection_.without_dev && !selection_.only_groups && IsDefault(group);
      const bool wanted = by_default || selection_.all_groups || ContainsName(selection_.groups, group);
      if (wanted && !ContainsName(selection_.without_groups, group)) RETURN_IF_ERROR(Follow(dependencies));
    }
    while (!queue_.empty()) {
      const LockedDependency dependency = std::move(queue_.back());
      queue_.pop_back();
      RETURN_IF_ERROR(Visit(dependency));
    }
    return absl::OkStatus();
  }

  template <typename Map>
  static absl::Status CheckNames(const std::vector<std::string>& names, const Map& known,
                                 std::string_view what) {
    for (const std::string& name : names) {
      if (!known.contains(python::NormaliseName(name)))
        return absl::InvalidArgumentError(fmt::format("the lock has no {} '{}'", what, Printable(name)));
    }
    return absl::OkStatus();
  }

  absl::Status Follow(const std::vector<LockedDependency>& dependencies) {
    for (const LockedDependency& dependency : dependencies) {
      ASSIGN_OR_RETURN(const bool holds, Holds(dependency.marker));
      if (holds) queue_.push_back(dependency);
    }
    return absl::OkStatus();
  }

  absl::Status Visit(const LockedDependency& dependency) {
    const auto found =
        std::find_if(lock_.packages.begin(), lock_.packages.end(), [&](const LockedPackage& package) {
          return package.name == dependency.name &&
                 (dependency.version.empty() || package.version == dependency.version);
        });
    if (found == lock_.packages.end())
      return absl::InvalidArgumentError(
          fmt::format("the lock has no package {}", Printable(dependency.name)));
    if (seen_.insert({dependency.name, ""}).second) {
      chosen_[found->name] = &*found;
      RETURN_IF_ERROR(Follow(found->dependencies));
    }
    for (const std::string& extra : dependency.extras) {
      if (!seen_.insert({dependency.name, extra}).second) continue;
      if (const auto list = found->extras.find(extra); list != found->extras.end())
        RETURN_IF_ERROR(Follow(list->second));
    }
    return absl::OkStatus();
  }

  // ---- the others: each package says when it counts ----

  absl::Status Filter() {
    std::vector<std::string> of_extras;
    for (const auto& [extra, packages] : lock_.extras) {
      if (selection_.all_extras || ContainsName(selection_.extras, extra))
        of_extras.insert(of_extras.end(), packages.begin(), packages.end());
    }
    if (lock_.format == LockFormat::kPylock && (!selection_.extras.empty() || !selection_.groups.empty()))
      return absl::InvalidArgumentError("extras and groups of a pylock.toml are not understood here");
    for (const LockedPackage& package : lock_.packages) {
      ASSIGN_OR_RETURN(const bool counts, Counts(package));
      if (!counts) continue;
      if (package.optional && lock_.format == LockFormat::kPoetry && !ContainsName(of_extras, package.name)) {
        if (!of_extras.empty())
          return absl::InvalidArgumentError(
              "which packages an extra of this lock brings with it is not said there");
        continue;
      }
      chosen_[package.name] = &package;
    }
    return absl::OkStatus();
  }

  bool IsDefault(const std::string& group) const {
    return selection_.default_groups.has_value() &&
           ContainsName(*selection_.default_groups, python::NormaliseName(group));
  }

  // Groups that nobody names count if the project's file says so.
  absl::Status CheckDefault(const std::string& group) const {
    if (selection_.default_groups.has_value() || selection_.all_groups || selection_.only_groups ||
        selection_.without_dev)
      return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("whether the group '{}' is installed, the project's file says, which is not known",
                    Printable(group)));
  }

  absl::StatusOr<bool> WantsGroup(const std::string& group) const {
    const std::string name = python::NormaliseName(group);
    if (ContainsName(selection_.without_groups, name)) return false;
    if (selection_.all_groups || ContainsName(selection_.groups, name)) return true;
    if (group == "main" || group == "default") return !selection_.only_groups;
    RETURN_IF_ERROR(CheckDefault(group));
    return IsDefault(group) && !selection_.without_dev && !selection_.only_groups;
  }

  absl::StatusOr<bool> Counts(const LockedPackage& package) const {
    bool counts = package.groups.empty();
    for (const std::string& group : package.groups) {
      ASSIGN_OR_RETURN(const bool wanted, WantsGroup(group));
      if (!wanted) continue;
      const auto marker = package.group_markers.find(group);
      ASSIGN_OR_RETURN(
          const bool holds,
          Holds(marker == package.group_markers.end() ? std::nullopt : std::optional(marker->second)));
      counts = counts || holds;
    }
    if (!counts) return false;
    return Holds(package.marker);
  }

  ResolvedPackage Describe(const LockedPackage& package) const {
    ResolvedPackage resolved;
    resolved.name = package.name;
    resolved.version = package.version;
    resolved.location = package.location;
    resolved.editable = package.editable;
    if (!package.location.empty()) {
      resolved.kind = ResolvedPackage::Kind::kDirect;
      return resolved;
    }
    python::ChoiceRules rules;
    rules.allow_wheels = format_.AllowsWheels(package.name);
    rules.allow_sources = format_.AllowsSources(package.name);
    // A lock may well name one.
    rules.prereleases = true;
    resolved.page = package.page.get();
    resolved.choice = python::Choose(*package.page, rules, environment_);
    return resolved;
  }

  const LockFile& lock_;
  const LockSelection& selection_;
  const python::FormatControl& format_;
  const python::PythonEnvironment& environment_;
  python::MarkerEnvironment markers_;
  std::vector<LockedDependency> queue_;
  std::set<std::pair<std::string, std::string>> seen_;
  std::map<std::string, const LockedPackage*> chosen_;
};

}  // namespace

absl::StatusOr<std::vector<ResolvedPackage>> SelectLocked(const LockFile& lock,
                                                          const LockSelection& selection,
                                                          const python::FormatControl& format,
                                                          const python::PythonEnvironment& environment) {
  return LockSelector(lock, selection, format, environment).Select();
}

}  // namespace crossmill::predict
