// Needs and candidates as they are made: of what the user asks for, of metadata, of files and addresses.
#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/predict/resolver/resolver_provider.h"
#include "common/python/package_name.h"
#include "common/python/sdist_name.h"
#include "common/wheels/url.h"

namespace crossmill::predict {
namespace {

std::vector<std::string> SortedExtras(const std::vector<std::string>& extras) {
  std::vector<std::string> sorted;
  for (const std::string& extra : extras) sorted.push_back(python::NormaliseName(extra));
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return sorted;
}

// "A, B and C" of the clauses, as pip writes them.
std::string ErrorText(const std::string& text) {
  std::vector<std::string> parts = absl::StrSplit(text, ',');
  for (std::string& part : parts) part = std::string(absl::StripAsciiWhitespace(part));
  if (parts.size() == 1) return parts[0];
  const std::string last = std::move(parts.back());
  parts.pop_back();
  return fmt::format("{} and {}", absl::StrJoin(parts, ", "), last);
}

// The name after "#egg=", or of a file's name; empty if none is there.
std::string NameOfLocation(std::string_view location) {
  const python::UrlParts parts = python::SplitUrl(location);
  for (const absl::string_view one : absl::StrSplit(Av(parts.fragment), '&')) {
    if (!Sv(one).starts_with("egg=")) continue;
    const std::string egg(Sv(one).substr(4, Sv(one).find_first_of("[=<>", 4) - 4));
    if (python::IsName(egg)) return python::NormaliseName(egg);
  }
  const std::string file(parts.path.substr(parts.path.rfind('/') + 1));
  if (const auto wheel = python::WheelName::Parse(DecodePercent(file)); wheel.ok()) return wheel->project;
  if (const auto source = python::SdistName::Parse(DecodePercent(file)); source.ok()) return source->project;
  return "";
}

bool IsControlled(std::string_view location) {
  const std::string_view scheme = location.substr(0, location.find(':'));
  return scheme.find('+') != scheme.npos;
}

}  // namespace

bool ResolverProvider::Applies(const python::Requirement& requirement,
                               const std::vector<std::string>& extras) {
  const auto applies = requirement.Applies(markers_, extras);
  if (applies.ok()) return *applies;
  Note(fmt::format("Whether {} counts here cannot be said: {}.", RequirementText(requirement, true, true),
                   Sv(applies.status().message())));
  return false;
}

const Need* ResolverProvider::NamedNeed(const Request& request, bool with_extras) {
  Need need;
  need.kind = Need::Kind::kSpecifier;
  need.project = request.requirement->normal_name;
  if (with_extras) need.extras = SortedExtras(request.requirement->extras);
  need.id = Intern(need.project, need.extras);
  need.requirement = request.requirement;
  need.hashes = request.hashes;
  need.comes_from = request.comes_from;
  need.text = ErrorText(RequirementText(*request.requirement, with_extras, true));
  return &needs_.emplace_back(std::move(need));
}

const Need* ResolverProvider::ExplicitNeed(const Candidate* candidate) {
  Need need;
  need.kind = Need::Kind::kExplicit;
  need.id = candidate->id;
  need.project = candidate->project;
  need.extras = candidate->extras;
  need.candidate = candidate;
  const std::string from = candidate->page != nullptr ? candidate->file.listed->url : candidate->location;
  need.text = fmt::format("{} {} (from {})", candidate->project, candidate->version_text, Printable(from));
  return &needs_.emplace_back(std::move(need));
}

absl::Status ResolverProvider::AddNeeds(const Request& request, std::vector<const Need*>& needs) {
  const python::Requirement& requirement = *request.requirement;
  if (items_.size() > 2 * rules_.most_packages)
    return absl::ResourceExhaustedError(fmt::format("more than {} names", 2 * rules_.most_packages));
  if (requirement.url.empty()) {
    if (!requirement.extras.empty() && !requirement.specifier.empty())
      needs.push_back(NamedNeed(request, false));
    needs.push_back(NamedNeed(request, true));
    return absl::OkStatus();
  }
  RootRequirement root;
  root.requirement = requirement;
  root.hashes = request.hashes;
  root.origin = request.comes_from;
  return AddDirectNeeds(direct_roots_.emplace_back(std::move(root)), needs);
}

absl::Status ResolverProvider::AddDirectNeeds(const RootRequirement& root, std::vector<const Need*>& needs) {
  ASSIGN_OR_RETURN(const Candidate* candidate, DirectCandidate(root));
  if (candidate == nullptr) {
    Need need;
    need.kind = Need::Kind::kUnsatisfiable;
    need.project = root.requirement->normal_name;
    need.id = Intern(need.project, {});
    need.text = need.project + " (unavailable)";
    needs.push_back(&needs_.emplace_back(std::move(need)));
    return absl::OkStatus();
  }
  needs.push_back(ExplicitNeed(candidate));
  const std::vector<std::string> extras =
      SortedExtras(root.requirement.has_value() ? root.requirement->extras : root.extras);
  if (!extras.empty()) needs.push_back(ExplicitNeed(WithExtras(candidate, extras, *needs.back())));
  return absl::OkStatus();
}

absl::Status ResolverProvider::ReadDirect(const RootRequirement& root, Candidate& candidate) {
  ASSIGN_OR_RETURN(const std::optional<DirectPackage> package, source_.Direct(candidate.location));
  const std::string file = python::UrlFileName(candidate.location);
  const auto wheel = python::WheelName::Parse(file);
  candidate.direct_wheel = (wheel.ok() && !root.editable) || (package.has_value() && package->wheel);
  if (wheel.ok() && !environment_.ranks().Rank(*wheel).has_value())
    return Fail({fmt::format("{} is not a supported wheel on this platform.", Printable(file))});
  if (package.has_value() && !package->metadata.empty()) {
    auto metadata = ReadCoreMetadata(package->metadata);
    if (metadata.ok() && (candidate.direct_wheel || metadata->DependenciesAreStatic())) {
      candidate.metadata = &metadata_.emplace_back(*metadata);
    }
    if (metadata.ok() && candidate.project.empty()) candidate.project = python::NormaliseName(metadata->name);
    if (metadata.ok()) candidate.version_text = metadata->version;
  } else if (wheel.ok()) {
    candidate.version_text = wheel->version.Text();
  } else if (const auto source = python::SdistName::Parse(file);
             source.ok() && !IsControlled(candidate.location)) {
    candidate.version_text = source->version.Text();
  }
  return absl::OkStatus();
}

absl::StatusOr<const Candidate*> ResolverProvider::DirectCandidate(const RootRequirement& root) {
  const std::string& location = root.requirement.has_value() ? root.requirement->url : root.location;
  if (const auto found = by_location_.find(location); found != by_location_.end()) {
    const bool same =
        !root.requirement.has_value() || found->second->project == root.requirement->normal_name;
    return same ? found->second : nullptr;
  }
  Candidate candidate;
  candidate.kind = Candidate::Kind::kDirect;
  candidate.location = location;
  candidate.editable = root.editable;
  candidate.project = root.requirement.has_value() ? root.requirement->normal_name : NameOfLocation(location);
  candidate.comes_from = root.origin;
  RETURN_IF_ERROR(ReadDirect(root, candidate));
  auto version = python::Version::Parse(candidate.version_text);
  candidate.has_version = version.ok();
  if (version.ok()) {
    candidate.version = *std::move(version);
  } else {
    candidate.version_text.clear();
  }
  // No name of a package has a slash, so this cannot be another's.
  if (candidate.project.empty()) candidate.project = "<" + location + "/>";
  candidate.request_name = candidate.project;
  candidate.id = Intern(candidate.project, {});
  const Candidate* made = &candidates_.emplace_back(std::move(candidate));
  by_location_.emplace(location, made);
  return made;
}

const Candidate* ResolverProvider::WithExtras(const Candidate* base, const std::vector<std::string>& extras,
                                              const Need& template_need) {
  if (base->base != nullptr) base = base->base;
  const auto [place, is_new] = with_extras_.try_emplace({base, extras}, nullptr);
  if (!is_new) return place->second;
  Candidate candidate = *base;
  candidate.kind = Candidate::Kind::kExtras;
  candidate.base = base;
  candidate.extras = extras;
  candidate.id = Intern(base->project, extras);
  candidate.comes_from = template_need.comes_from;
  place->second = &candidates_.emplace_back(std::move(candidate));
  return place->second;
}

absl::Status ResolverProvider::CheckHashes(const python::UsableFile& file, const Need& need,
                                           const AllowedHashes& hashes) {
  if (!require_hashes_) return absl::OkStatus();
  const std::string name = fmt::format("{}=={}", need.project, file.file->version.Text());
  const std::string asked =
      fmt::format("    {}{}", RequirementText(*need.requirement, true, true),
                  need.comes_from.empty() ? "" : fmt::format(" (from {})", need.comes_from));
  const bool pinned =
      need.requirement->specifier.clauses().size() == 1 && need.requirement->specifier.IsPinned();
  if (!pinned && !(hashes.given() && need.hashes.empty())) {
    return Fail(
        {"In --require-hashes mode, all requirements must have their versions pinned with ==. These do not:",
         asked});
  }
  if (!hashes.given()) {
    return Fail({"Hashes are required in --require-hashes mode, but they are missing from some requirements.",
                 "    " + name});
  }
  if (!file.allowed_hash && !file.listed->hashes.empty())
    return Fail({"THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", asked});
  return absl::OkStatus();
}

absl::StatusOr<CandidateMaker::Made> ResolverProvider::MakeCandidate(const python::ProjectFiles& page,
                                                                     const python::UsableFile& file,
                                                                     const Need& template_need,
                                                                     const AllowedHashes& hashes) {
  if (const auto found = by_file_.find(file.file); found != by_file_.end()) return found->second;
  RETURN_IF_ERROR(CheckHashes(file, template_need, hashes));
  if (++metadata_reads_ > rules_.most_metadata)
    return absl::ResourceExhaustedError(
        fmt::format("the metadata of more than {} files was needed", rules_.most_metadata));
  Candidate candidate;
  candidate.project = page.project();
  candidate.id = Intern(candidate.project, {});
  candidate.version = file.file->version;
  candidate.version_text = file.file->version.Text();
  candidate.page = &page;
  candidate.file = file;
  candidate.request_name = template_need.requirement->name;
  candidate.comes_from = template_need.comes_from;
  ASSIGN_OR_RETURN(const std::optional<std::string> text, source_.Metadata(page, *file.file));
  Made made;
  if (text.has_value()) {
    auto metadata = ReadCoreMetadata(*text);
    if (!metadata.ok()) {
      Note(fmt::format("{} {} is left out: {}.", candidate.project, candidate.version_text,
                       Sv(metadata.status().message())));
      made.invalid = true;
      return by_file_.emplace(file.file, made).first->second;
    }
    const auto version = python::Version::Parse(metadata->version);
    if (python::NormaliseName(metadata->name) != candidate.project || !version.ok() ||
        *version != candidate.version) {
      Note(fmt::format("{} is left out: its metadata is of {} {}.", file.listed->file_name,
                       Printable(metadata->name), Printable(metadata->version)));
      return by_file_.emplace(file.file, made).first->second;
    }
    if (file.file->wheel.has_value() || metadata->DependenciesAreStatic())
      candidate.metadata = &metadata_.emplace_back(*std::move(metadata));
  }
  made.candidate = &candidates_.emplace_back(std::move(candidate));
  return by_file_.emplace(file.file, made).first->second;
}

absl::Status ResolverProvider::CollectConstraint(const RootRequirement& root) {
  if (!root.requirement.has_value())
    return Fail(
        {fmt::format("Unnamed requirements are not allowed as constraints: {}", Printable(root.location))});
  if (root.editable) return Fail({"Editable requirements are not allowed as constraints"});
  if (!root.requirement->extras.empty()) return Fail({"Constraints cannot have extras"});
  if (!Applies(*root.requirement, {})) return absl::OkStatus();
  Constraint& constraint = constraints_[root.requirement->normal_name];
  std::vector<python::Specifier> clauses = constraint.specifier.clauses();
  const auto& more = root.requirement->specifier.clauses();
  clauses.insert(clauses.end(), more.begin(), more.end());
  constraint.specifier = python::SpecifierSet(std::move(clauses));
  constraint.hashes.Restrict(root.hashes);
  if (!root.requirement->url.empty()) constraint.links.push_back(&root);
  return absl::OkStatus();
}

absl::Status ResolverProvider::Collect(const std::vector<RootRequirement>& requirements) {
  for (const auto* list : {&requirements, &rules_.constraints}) {
    for (const RootRequirement& root : *list) require_hashes_ |= !root.hashes.empty();
  }
  for (const RootRequirement& root : rules_.constraints) RETURN_IF_ERROR(CollectConstraint(root));
  int order = 0;
  for (const RootRequirement& root : requirements) {
    std::vector<const Need*> needs;
    ++order;
    if (root.requirement.has_value() && root.requirement->url.empty()) {
      if (!Applies(*root.requirement, {})) continue;
      RETURN_IF_ERROR(AddNeeds({&*root.requirement, root.hashes, root.origin, {}}, needs));
    } else {
      const auto& marker = root.requirement.has_value() ? root.requirement->marker : root.marker;
      if (const auto holds = marker.has_value() ? marker->Evaluate(markers_) : true; !holds.ok() || !*holds)
        continue;
      if (require_hashes_ && root.hashes.empty())
        return Fail(
            {"Hashes are required in --require-hashes mode, but they are missing from some requirements."});
      RETURN_IF_ERROR(AddDirectNeeds(root, needs));
    }
    if (!needs.empty()) requested_.emplace(needs[0]->id, order);
    roots_.insert(roots_.end(), needs.begin(), needs.end());
  }
  // pip puts those with extras at the end, so that others have restricted the versions by then.
  std::stable_partition(roots_.begin(), roots_.end(), [](const Need* need) { return need->extras.empty(); });
  return absl::OkStatus();
}

}  // namespace crossmill::predict
