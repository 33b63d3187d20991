// From a search's last state to packages with their reasons.
#include "common/predict/resolver/resolver.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/predict/resolver/conflict_text.h"
#include "common/predict/resolver/resolution_search.h"

namespace crossmill::predict {

RootRequirement RootOf(const python::RequirementLine& line) {
  RootRequirement root;
  root.requirement = line.requirement;
  root.location = line.location;
  root.extras = line.extras;
  root.marker = line.marker;
  root.editable = line.kind == python::RequirementLine::Kind::kEditable;
  root.hashes = line.hashes;
  return root;
}

namespace {

// The pins that the user's requirements lead to.
std::set<const Candidate*> Connected(const ResolutionSearch::State& state) {
  std::set<const Candidate*> connected = {nullptr};
  for (bool grown = true; grown;) {
    grown = false;
    for (const ItemId id : state.order) {
      const Candidate* pin = state.pins[id];
      if (connected.contains(pin)) continue;
      const auto& information = state.criteria[id]->information;
      if (std::none_of(information.begin(), information.end(),
                       [&](const Information* one) { return connected.contains(one->parent); }))
        continue;
      connected.insert(pin);
      grown = true;
    }
  }
  return connected;
}

class ResolutionResult {
 public:
  ResolutionResult(ResolverProvider& provider, const ResolutionSearch::State& state,
                   const python::PythonEnvironment& environment)
      : provider_(provider), state_(state), environment_(environment), connected_(Connected(state)) {}

  std::vector<ResolvedPackage> Packages() {
    for (const ItemId id : state_.order) {
      const Candidate* pin = state_.pins[id];
      if (!connected_.contains(pin) || pin->kind == Candidate::Kind::kPython) continue;
      ResolvedPackage& package = packages_[pin->project];
      if (pin->kind == Candidate::Kind::kExtras) {
        AddExtras(*pin, package);
      } else {
        Describe(*pin, package);
      }
      AddRequirers(id, package);
    }
    AddDoubts();
    std::vector<ResolvedPackage> packages;
    for (auto& [name, package] : packages_) packages.push_back(std::move(package));
    return packages;
  }

 private:
  static void AddExtras(const Candidate& pin, ResolvedPackage& package) {
    for (const std::string& extra : pin.extras) {
      if (std::find(package.extras.begin(), package.extras.end(), extra) == package.extras.end())
        package.extras.push_back(extra);
    }
    std::sort(package.extras.begin(), package.extras.end());
  }

  void Describe(const Candidate& pin, ResolvedPackage& package) {
    package.name = pin.project.starts_with('<') ? "" : pin.project;
    package.version = pin.version_text;
    package.location = pin.location;
    package.editable = pin.editable;
    package.direct_wheel = pin.direct_wheel;
    package.dependencies_unknown = pin.metadata == nullptr;
    package.page = pin.page;
    if (pin.kind == Candidate::Kind::kDirect) package.kind = ResolvedPackage::Kind::kDirect;
    if (pin.kind == Candidate::Kind::kPresent) package.kind = ResolvedPackage::Kind::kPresent;
    if (pin.kind == Candidate::Kind::kFile) package.choice = ChoiceOf(pin);
  }

  python::Choice ChoiceOf(const Candidate& pin) {
    python::Choice choice;
    if (!pin.file.file->wheel.has_value()) {
      // Why this version has no wheel.
      python::ChoiceRules rules = provider_.RulesOf(pin.project);
      rules.specifier = python::SpecifierSet::Parse("==" + pin.version_text).value_or(python::SpecifierSet());
      choice = python::Choose(*pin.page, rules, environment_);
    }
    choice.file = pin.file.file;
    choice.kind =
        pin.file.file->wheel.has_value() ? python::Choice::Kind::kWheel : python::Choice::Kind::kSource;
    choice.tag_rank = pin.file.rank;
    return choice;
  }

  void AddRequirers(ItemId id, ResolvedPackage& package) {
    bool& pinned = pinned_[package.name];
    if (const auto* constraint = provider_.ConstraintOf(provider_.ProjectOf(id)); constraint != nullptr)
      pinned |= constraint->specifier.IsPinned();
    for (const Information* information : state_.criteria[id]->information) {
      if (!connected_.contains(information->parent)) continue;
      const Need& need = *information->need;
      if (need.requirement != nullptr) pinned |= need.requirement->specifier.IsPinned();
      const std::string parent = information->parent == nullptr ? "" : information->parent->project;
      // An extra needs its own package; a requirement with extras and versions comes as two.
      if (parent == package.name && information->parent != nullptr) continue;
      package.requested |= information->parent == nullptr;
      const auto known = [&](const Requirer& one) { return one.name == parent && one.text == need.text; };
      if (std::none_of(package.required_by.begin(), package.required_by.end(), known))
        package.required_by.push_back({parent, need.text});
    }
  }

  // What nobody knows before it is built may ask for other versions of the rest.
  void AddDoubts() {
    std::vector<std::string> unknown;
    for (const auto& [name, package] : packages_) {
      if (package.dependencies_unknown && package.kind != ResolvedPackage::Kind::kPresent) {
        unknown.push_back(package.name.empty() ? package.location
                                               : fmt::format("{} {}", package.name, package.version));
      }
    }
    if (unknown.empty()) return;
    for (auto& [name, package] : packages_) {
      if (package.kind != ResolvedPackage::Kind::kIndex || pinned_[name]) continue;
      const std::string self = fmt::format("{} {}", package.name, package.version);
      for (const std::string& other : unknown) {
        if (other == self) continue;
        package.doubts.push_back(fmt::format(
            "What {} requires is known only once it is built; it may ask for another version.", other));
        break;
      }
    }
  }

  ResolverProvider& provider_;
  const ResolutionSearch::State& state_;
  const python::PythonEnvironment& environment_;
  const std::set<const Candidate*> connected_;
  std::map<std::string, ResolvedPackage> packages_;
  std::map<std::string, bool> pinned_;
};

absl::Status Explain(const std::vector<const Information*>& causes, ResolverProvider& provider,
                     const python::PythonEnvironment& environment, Resolution& resolution) {
  ASSIGN_OR_RETURN(const ConflictText text, DescribeConflict(provider, causes));
  resolution.failure = text.lines;
  if (text.single == nullptr) return absl::OkStatus();
  resolution.failed_project = text.single->project;
  ASSIGN_OR_RETURN(const python::ProjectFiles* page, provider.PageOf(text.single->project));
  if (page == nullptr) return absl::OkStatus();
  python::ChoiceRules rules = provider.RulesOf(text.single->project);
  if (text.single->requirement != nullptr) rules.specifier = text.single->requirement->specifier;
  resolution.failed_choice = python::Choose(*page, rules, environment);
  return absl::OkStatus();
}

absl::Status Search(const std::vector<RootRequirement>& requirements, const ResolveRules& rules,
                    const python::PythonEnvironment& environment, ResolverProvider& provider,
                    Resolution& resolution) {
  RETURN_IF_ERROR(provider.Collect(requirements));
  ResolutionSearch search(provider, rules.most_rounds);
  ASSIGN_OR_RETURN(resolution.solved, search.Run());
  resolution.rounds = search.rounds();
  if (!resolution.solved) return Explain(search.causes(), provider, environment, resolution);
  resolution.packages = ResolutionResult(provider, search.state(), environment).Packages();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Resolution> Resolve(const std::vector<RootRequirement>& requirements,
                                   const ResolveRules& rules, const python::PythonEnvironment& environment,
                                   ProjectSource& source) {
  ResolverProvider provider(rules, environment, source);
  Resolution resolution;
  const absl::Status status = Search(requirements, rules, environment, provider, resolution);
  if (!status.ok() && provider.fatal().empty()) return status;
  if (!status.ok()) {
    resolution.solved = false;
    resolution.failure = provider.fatal();
  }
  resolution.notes = provider.notes();
  return resolution;
}

}  // namespace crossmill::predict
