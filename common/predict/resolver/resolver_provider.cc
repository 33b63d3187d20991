// Which candidates fit needs: pip's find_candidates, and what a candidate depends on.
#include "common/predict/resolver/resolver_provider.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

void AddSpecifier(const python::SpecifierSet& more, python::SpecifierSet& specifier) {
  std::vector<python::Specifier> clauses = specifier.clauses();
  clauses.insert(clauses.end(), more.clauses().begin(), more.clauses().end());
  specifier = python::SpecifierSet(std::move(clauses));
}

}  // namespace

std::string RequirementText(const python::Requirement& requirement, bool with_extras, bool with_marker) {
  std::string text = requirement.name;
  if (with_extras && !requirement.extras.empty()) {
    std::vector<std::string> extras = requirement.extras;
    std::sort(extras.begin(), extras.end());
    text += fmt::format("[{}]", absl::StrJoin(extras, ","));
  }
  std::vector<std::string> clauses;
  for (const python::Specifier& clause : requirement.specifier.clauses()) clauses.push_back(clause.text());
  std::sort(clauses.begin(), clauses.end());
  text += absl::StrJoin(clauses, ",");
  if (!requirement.url.empty()) text += fmt::format(" @ {}", requirement.url);
  if (with_marker && requirement.marker.has_value())
    text += fmt::format("{}; {}", requirement.url.empty() ? "" : " ", requirement.marker->Text());
  return Printable(text);
}

ResolverProvider::ResolverProvider(const ResolveRules& rules, const python::PythonEnvironment& environment,
                                   ProjectSource& source)
    : rules_(rules),
      environment_(environment),
      markers_(environment.Markers()),
      source_(source),
      require_hashes_(rules.require_hashes) {
  markers_["extra"] = "";
  Candidate python;
  python.kind = Candidate::Kind::kPython;
  python.id = Intern("<Python from Requires-Python>", {});
  python.project = items_[python.id].project;
  python.version = environment.version();
  python.version_text = environment.version().Text();
  python_ = &candidates_.emplace_back(std::move(python));
  for (const PresentPackage& package : rules.present) {
    auto version = python::Version::Parse(package.version);
    if (!version.ok() || present_.contains(package.name)) continue;
    Candidate candidate;
    candidate.kind = Candidate::Kind::kPresent;
    candidate.id = Intern(package.name, {});
    candidate.project = package.name;
    candidate.version = *std::move(version);
    candidate.version_text = package.version;
    candidate.request_name = package.name;
    if (auto metadata = ReadCoreMetadata(package.metadata); !package.metadata.empty() && metadata.ok())
      candidate.metadata = &metadata_.emplace_back(*std::move(metadata));
    present_.emplace(package.name, &candidates_.emplace_back(std::move(candidate)));
  }
}

ItemId ResolverProvider::Intern(const std::string& project, const std::vector<std::string>& extras) {
  const std::string name =
      extras.empty() ? project : fmt::format("{}[{}]", project, absl::StrJoin(extras, ","));
  if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
  const ItemId base = extras.empty() ? static_cast<ItemId>(items_.size()) : Intern(project, {});
  const ItemId id = static_cast<ItemId>(items_.size());
  items_.push_back({name, project, base});
  ids_.emplace(name, id);
  return id;
}

absl::Status ResolverProvider::Fail(std::vector<std::string> lines) {
  fatal_ = std::move(lines);
  return absl::FailedPreconditionError(Av(fatal_[0]));
}

absl::Status ResolverProvider::Spend(size_t work) {
  work_ += work;
  if (work_ <= rules_.most_work) return absl::OkStatus();
  return absl::ResourceExhaustedError("these requirements take too long to bring together");
}

void ResolverProvider::Note(std::string sentence) {
  constexpr size_t kMostNotes = 200;
  if (notes_.size() < kMostNotes && std::find(notes_.begin(), notes_.end(), sentence) == notes_.end())
    notes_.push_back(std::move(sentence));
}

std::optional<int> ResolverProvider::RequestedOrder(ItemId id) const {
  const auto found = requested_.find(id);
  return found == requested_.end() ? std::nullopt : std::optional<int>(found->second);
}

const ResolverProvider::Constraint* ResolverProvider::ConstraintOf(std::string_view project) const {
  const auto found = constraints_.find(project);
  return found == constraints_.end() ? nullptr : &found->second;
}

python::ChoiceRules ResolverProvider::RulesOf(std::string_view project) const {
  python::ChoiceRules rules;
  rules.allow_wheels = rules_.format.AllowsWheels(project);
  rules.allow_sources = rules_.format.AllowsSources(project);
  rules.prefer_binary = rules_.prefer_binary;
  rules.prereleases = rules_.prereleases;
  rules.exclude_newer = rules_.exclude_newer;
  rules.ignore_requires_python = rules_.ignore_requires_python;
  return rules;
}

absl::StatusOr<const python::UsableFiles*> ResolverProvider::UsableOf(const std::string& project) {
  if (const auto found = pages_.find(project); found != pages_.end()) return found->second.usable.get();
  if (pages_.size() >= rules_.most_packages) {
    return absl::ResourceExhaustedError(
        fmt::format("more than {} projects were looked at", rules_.most_packages));
  }
  ASSIGN_OR_RETURN(const python::ProjectFiles* files, source_.Page(project));
  Page page;
  page.files = files;
  if (files != nullptr)
    page.usable = std::make_unique<python::UsableFiles>(*files, RulesOf(project), environment_);
  return pages_.emplace(project, std::move(page)).first->second.usable.get();
}

absl::StatusOr<const python::ProjectFiles*> ResolverProvider::PageOf(const std::string& project) {
  RETURN_IF_ERROR(UsableOf(project).status());
  return pages_.at(project).files;
}

bool ResolverProvider::IsSatisfiedBy(const Need* need, const Candidate* candidate) {
  switch (need->kind) {
    case Need::Kind::kSpecifier: {
      // What has no known version may have any.
      if (!candidate->has_version || need->requirement->specifier.empty()) return true;
      const auto [place, is_new] = satisfied_.try_emplace({need, candidate}, false);
      if (is_new) place->second = need->requirement->specifier.Contains(candidate->version);
      return place->second;
    }
    case Need::Kind::kExplicit:
      return candidate == need->candidate;
    case Need::Kind::kPython:
      return need->candidate != nullptr;
    case Need::Kind::kUnsatisfiable:
      return false;
  }
  return false;
}

const Candidate* ResolverProvider::PresentCandidate(const std::string& project,
                                                    const python::SpecifierSet& specifier,
                                                    const Need& template_need) {
  if (rules_.force_reinstall) return nullptr;
  const auto found = present_.find(project);
  if (found == present_.end() || !specifier.Contains(found->second->version)) return nullptr;
  if (template_need.extras.empty()) return found->second;
  return WithExtras(found->second, template_need.extras, template_need);
}

bool ResolverProvider::AllowsDirect(const Constraint* constraint, const Candidate* candidate) const {
  if (constraint == nullptr) return true;
  const Candidate* base = candidate->base != nullptr ? candidate->base : candidate;
  for (const RootRequirement* link : constraint->links) {
    if (link->requirement->url != base->location) return false;
  }
  return !candidate->has_version || constraint->specifier.Contains(candidate->version);
}

absl::StatusOr<std::vector<const Candidate*>> ResolverProvider::ExplicitCandidates(
    ItemId id, const std::vector<const Need*>& needs, const std::vector<const Need*>& base_needs) {
  std::vector<const Candidate*> candidates;
  const auto add = [&](const Candidate* candidate) {
    if (candidate != nullptr &&
        std::find(candidates.begin(), candidates.end(), candidate) == candidates.end())
      candidates.push_back(candidate);
  };
  const Need* by_name = nullptr;
  const auto look = [&](const Need* need) {
    if (need->kind == Need::Kind::kSpecifier && by_name == nullptr) by_name = need;
  };
  for (const Need* need : needs) {
    add(need->candidate);
    look(need);
  }
  const std::vector<std::string> extras = needs.empty() ? std::vector<std::string>() : needs[0]->extras;
  if (BaseOf(id) != id) {
    for (const Need* need : base_needs) {
      if (need->candidate != nullptr) add(WithExtras(need->candidate, extras, *need));
      look(need);
    }
  }
  const Constraint* constraint = ConstraintOf(ProjectOf(id));
  if (by_name == nullptr || constraint == nullptr) return candidates;
  for (const RootRequirement* link : constraint->links) {
    ASSIGN_OR_RETURN(const Candidate* direct, DirectCandidate(*link));
    if (direct != nullptr) add(extras.empty() ? direct : WithExtras(direct, extras, *by_name));
  }
  return candidates;
}

absl::StatusOr<std::shared_ptr<CandidateList>> ResolverProvider::FindMatches(
    ItemId id, const std::vector<const Need*>& needs, const std::vector<const Need*>& base_needs,
    std::set<const Candidate*> without) {
  const Constraint* constraint = ConstraintOf(ProjectOf(id));
  ASSIGN_OR_RETURN(std::vector<const Candidate*> candidates, ExplicitCandidates(id, needs, base_needs));
  if (!candidates.empty()) {
    std::erase_if(candidates, [&](const Candidate* candidate) {
      return without.contains(candidate) || !AllowsDirect(constraint, candidate) ||
             !std::all_of(needs.begin(), needs.end(),
                          [&](const Need* need) { return IsSatisfiedBy(need, candidate); });
    });
    return std::make_shared<CandidateList>(std::move(candidates));
  }
  CandidateList::Found found;
  python::SpecifierSet specifier;
  if (constraint != nullptr) {
    AddSpecifier(constraint->specifier, specifier);
    found.hashes = constraint->hashes;
  }
  const auto take = [&](const Need* need) {
    if (need->kind != Need::Kind::kSpecifier) return;
    if (found.template_need == nullptr) found.template_need = need;
    AddSpecifier(need->requirement->specifier, specifier);
    found.hashes.Restrict(need->hashes);
    for (const std::string& extra : need->extras) {
      if (std::find(found.extras.begin(), found.extras.end(), extra) == found.extras.end())
        found.extras.push_back(extra);
    }
  };
  for (const Need* need : needs) take(need);
  if (BaseOf(id) != id) {
    for (const Need* need : base_needs) take(need);
  }
  if (found.template_need == nullptr) return std::make_shared<CandidateList>(std::vector<const Candidate*>());
  std::sort(found.extras.begin(), found.extras.end());
  const std::string& project = ProjectOf(id);
  ASSIGN_OR_RETURN(const python::UsableFiles* usable, UsableOf(project));
  if (usable != nullptr) RETURN_IF_ERROR(Spend(usable->files().size()));
  if (usable != nullptr) found.files = usable->Find(specifier, found.hashes.List()).files;
  found.page = pages_.at(project).files;
  found.present = PresentCandidate(project, specifier, *found.template_need);
  if (found.present != nullptr && without.contains(found.present)) found.present = nullptr;
  found.prefers_present = rules_.upgrade == Upgrade::kNone ||
                          (rules_.upgrade == Upgrade::kOnlyIfNeeded && !RequestedOrder(id).has_value() &&
                           !RequestedOrder(BaseOf(id)).has_value());
  found.without = std::move(without);
  return std::make_shared<CandidateList>(*this, std::move(found));
}

absl::Status ResolverProvider::AddDependencies(const Candidate* candidate, std::vector<const Need*>& needs) {
  if (candidate->kind == Candidate::Kind::kPython) return absl::OkStatus();
  const Candidate* base = candidate->base != nullptr ? candidate->base : candidate;
  std::vector<std::string> extras;
  if (candidate->base != nullptr) {
    needs.push_back(ExplicitNeed(base));
    for (const std::string& extra : candidate->extras) {
      if (base->metadata == nullptr) break;
      const std::vector<std::string>& known = base->metadata->extras;
      if (std::find(known.begin(), known.end(), extra) != known.end()) {
        extras.push_back(extra);
      } else {
        Note(fmt::format("{} {} has no extra '{}'.", base->project, base->version_text, Printable(extra)));
      }
    }
  }
  const CoreMetadata* metadata = base->metadata;
  if (metadata == nullptr) return absl::OkStatus();
  const bool index = base->kind != Candidate::Kind::kPresent;
  if (candidate->base == nullptr && index && metadata->requires_python.has_value() &&
      !rules_.ignore_requires_python) {
    Need need;
    need.kind = Need::Kind::kPython;
    need.id = kPythonItem;
    need.project = ProjectOf(kPythonItem);
    need.python = &*metadata->requires_python;
    need.candidate = need.python->Contains(python_->version) ? python_ : nullptr;
    need.text = fmt::format("Python {}", need.python->Text());
    needs.push_back(&needs_.emplace_back(std::move(need)));
  }
  if (rules_.no_dependencies) return absl::OkStatus();
  for (const python::Requirement& requirement : metadata->requirements) {
    if (!Applies(requirement, extras)) continue;
    RETURN_IF_ERROR(AddNeeds({&requirement, {}, base->request_name, extras}, needs));
  }
  return absl::OkStatus();
}

absl::StatusOr<const std::vector<const Need*>*> ResolverProvider::Dependencies(const Candidate* candidate) {
  const auto found = dependencies_.find(candidate);
  if (found != dependencies_.end()) return &found->second;
  std::vector<const Need*> needs;
  RETURN_IF_ERROR(AddDependencies(candidate, needs));
  return &dependencies_.emplace(candidate, std::move(needs)).first->second;
}

}  // namespace crossmill::predict
