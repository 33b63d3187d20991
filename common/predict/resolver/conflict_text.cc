// pip's Factory.get_installation_error. What it says last, of packages without any files, is said here of
// those alone that have none: pip 26.3 names every package of the conflict there.
#include "common/predict/resolver/conflict_text.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace crossmill::predict {
namespace {

std::string CandidateText(const Candidate& candidate) {
  if (candidate.page == nullptr) return candidate.location;
  const Candidate& base = candidate.base != nullptr ? *candidate.base : candidate;
  std::string text = fmt::format("{} {} (from {})", base.project, base.version_text, base.file.listed->url);
  if (!candidate.extras.empty()) text += fmt::format(" [{}]", absl::StrJoin(candidate.extras, ", "));
  return text;
}

// A set's names in pip's sentence: "a, b and c".
std::string JoinedNames(const std::set<std::string>& names) {
  std::vector<std::string> parts(names.begin(), names.end());
  if (parts.size() == 1) return parts[0];
  const std::string last = std::move(parts.back());
  parts.pop_back();
  return fmt::format("{} and {}", absl::StrJoin(parts, ", "), last);
}

std::vector<std::string> PythonLines(const ResolverProvider& provider,
                                     const std::vector<const Information*>& causes) {
  const std::string& version = provider.python()->version_text;
  if (causes.size() == 1) {
    return {fmt::format("Package '{}' requires a different Python: {} not in '{}'",
                        provider.NameOfItem(causes[0]->parent->id), version,
                        causes[0]->need->python->Text())};
  }
  std::vector<std::string> lines = {fmt::format("Packages require a different Python. {} not in:", version)};
  for (const Information* cause : causes) {
    lines.push_back(
        fmt::format("'{}' (required by {})", cause->need->python->Text(), CandidateText(*cause->parent)));
  }
  return lines;
}

// Distinct versions, in their order, as a list; "none" if there is none.
std::string VersionList(const std::vector<python::UsableFile>& files, bool yanked) {
  std::set<python::Version> versions;
  for (const python::UsableFile& file : files) {
    if (file.listed->yanked.has_value() == yanked) versions.insert(file.file->version);
  }
  std::vector<std::string> texts;
  for (const python::Version& version : versions) texts.push_back(version.Text());
  return texts.empty() ? "none" : absl::StrJoin(texts, ", ");
}

// Files that would fit if they did not refuse this Python.
absl::StatusOr<std::string> RefusedPythons(ResolverProvider& provider, const std::string& project) {
  ASSIGN_OR_RETURN(const python::ProjectFiles* page, provider.PageOf(project));
  std::set<std::string> refused;
  const python::ChoiceRules rules = provider.RulesOf(project);
  if (page == nullptr || rules.ignore_requires_python) return "";
  for (const python::ListedFile& file : page->files()) {
    const bool fits = file.wheel.has_value()
                          ? rules.allow_wheels && provider.environment().ranks().Rank(*file.wheel).has_value()
                          : rules.allow_sources;
    if (!fits || !file.requires_python.has_value() ||
        file.requires_python->Contains(provider.environment().version()))
      continue;
    refused.insert(fmt::format("{} Requires-Python {}", file.version.Text(),
                               page->Listed(file).requires_python.value_or("")));
  }
  return absl::StrJoin(refused, "; ");
}

absl::StatusOr<std::vector<std::string>> SingleLines(ResolverProvider& provider, const Information& cause) {
  const Need& need = *cause.need;
  std::string asked = need.requirement != nullptr
                          ? RequirementText(*need.requirement, !need.extras.empty(), false)
                          : need.text;
  if (cause.parent != nullptr) asked += fmt::format(" (from {})", provider.NameOfItem(cause.parent->id));
  ASSIGN_OR_RETURN(const python::UsableFiles* usable, provider.UsableOf(need.project));
  const std::vector<python::UsableFile> none;
  const std::vector<python::UsableFile>& files = usable == nullptr ? none : usable->files();
  std::vector<std::string> lines;
  if (const std::string yanked = VersionList(files, true); yanked != "none")
    lines.push_back(fmt::format("Ignored the following yanked versions: {}", yanked));
  ASSIGN_OR_RETURN(const std::string refused, RefusedPythons(provider, need.project));
  if (!refused.empty()) {
    lines.push_back(
        fmt::format("Ignored the following versions that require a different python version: {}", refused));
  }
  lines.push_back(
      fmt::format("Could not find a version that satisfies the requirement {} (from versions: {})", asked,
                  VersionList(files, false)));
  lines.push_back(fmt::format("No matching distribution found for {}", asked));
  return lines;
}

std::string Trigger(const ResolverProvider& provider, const Information& cause) {
  if (cause.parent == nullptr) return cause.need->text;
  const Candidate& parent = *cause.parent;
  if (parent.kind == Candidate::Kind::kExtras || parent.kind == Candidate::Kind::kPresent ||
      parent.comes_from.empty())
    return fmt::format("{}=={}", provider.NameOfItem(parent.id), parent.version_text);
  return parent.comes_from;
}

absl::StatusOr<bool> HasCandidates(ResolverProvider& provider, const std::string& project) {
  if (project.find('<') != project.npos) return true;
  ASSIGN_OR_RETURN(const python::UsableFiles* usable, provider.UsableOf(project));
  return usable != nullptr && !usable->files().empty();
}

absl::StatusOr<std::vector<std::string>> ManyLines(ResolverProvider& provider,
                                                   const std::vector<const Information*>& causes) {
  std::set<std::string> triggers;
  for (const Information* cause : causes) triggers.insert(Trigger(provider, *cause));
  std::vector<std::string> lines = {
      fmt::format("Cannot install {} because these package versions have conflicting dependencies.",
                  JoinedNames(triggers)),
      "The conflict is caused by:"};
  std::set<std::string> constrained;
  std::set<std::string> without;
  for (const Information* cause : causes) {
    const std::string who = cause->parent == nullptr
                                ? "The user requested "
                                : fmt::format("{} {} depends on ", provider.NameOfItem(cause->parent->id),
                                              cause->parent->version_text);
    lines.push_back("    " + who + cause->need->text);
    const std::string& name = provider.NameOfItem(cause->need->id);
    if (provider.ConstraintOf(name) != nullptr) constrained.insert(name);
    ASSIGN_OR_RETURN(const bool any, HasCandidates(provider, cause->need->project));
    if (!any) without.insert(name);
  }
  for (const std::string& name : constrained) {
    const auto& clauses = provider.ConstraintOf(name)->specifier.clauses();
    std::vector<std::string> texts;
    for (const python::Specifier& clause : clauses) texts.push_back(clause.text());
    std::sort(texts.begin(), texts.end());
    lines.push_back(fmt::format("    The user requested (constraint) {}{}", name, absl::StrJoin(texts, ",")));
  }
  if (without.empty()) return lines;
  lines.emplace_back(
      "Additionally, some packages in these conflicts have no matching distributions available for your "
      "environment:");
  for (const std::string& name : without) lines.push_back("    " + name);
  return lines;
}

}  // namespace

absl::StatusOr<ConflictText> DescribeConflict(ResolverProvider& provider,
                                              const std::vector<const Information*>& causes) {
  ConflictText text;
  std::vector<const Information*> of_python;
  std::copy_if(causes.begin(), causes.end(), std::back_inserter(of_python), [](const Information* cause) {
    return cause->need->kind == Need::Kind::kPython && cause->need->candidate == nullptr;
  });
  if (!of_python.empty()) {
    text.lines = PythonLines(provider, of_python);
    return text;
  }
  if (causes.size() == 1 && provider.ConstraintOf(provider.NameOfItem(causes[0]->need->id)) == nullptr) {
    ASSIGN_OR_RETURN(text.lines, SingleLines(provider, *causes[0]));
    text.single = causes[0]->need;
    return text;
  }
  ASSIGN_OR_RETURN(text.lines, ManyLines(provider, causes));
  return text;
}

}  // namespace crossmill::predict
