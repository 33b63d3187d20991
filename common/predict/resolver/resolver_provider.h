// Needs and candidates of one resolution: pip's factory and provider. Used in this room only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/predict/resolver/candidate_list.h"
#include "common/predict/resolver/resolver_items.h"

namespace crossmill::predict {

// A requirement in packaging's spelling: clauses sorted, double quotes in the marker.
std::string RequirementText(const python::Requirement& requirement, bool with_extras, bool with_marker);

class ResolverProvider : public CandidateMaker {
 public:
  struct Constraint {
    python::SpecifierSet specifier;
    AllowedHashes hashes;
    // Direct candidates that are the only ones allowed.
    std::vector<const RootRequirement*> links;
  };

  ResolverProvider(const ResolveRules& rules, const python::PythonEnvironment& environment,
                   ProjectSource& source);

  // Reads what the user asks for. A failure of pip's own is in fatal(), with FAILED_PRECONDITION.
  absl::Status Collect(const std::vector<RootRequirement>& requirements);
  const std::vector<const Need*>& roots() const { return roots_; }

  // Those that fit all needs (of the identifier, and of the project without extras) and are not among
  // `without`.
  absl::StatusOr<std::shared_ptr<CandidateList>> FindMatches(ItemId id, const std::vector<const Need*>& needs,
                                                             const std::vector<const Need*>& base_needs,
                                                             std::set<const Candidate*> without);
  absl::StatusOr<const std::vector<const Need*>*> Dependencies(const Candidate* candidate);
  bool IsSatisfiedBy(const Need* need, const Candidate* candidate);

  // The identifier without extras; itself if it has none.
  ItemId BaseOf(ItemId id) const { return items_[id].base; }
  const std::string& NameOfItem(ItemId id) const { return items_[id].name; }
  const std::string& ProjectOf(ItemId id) const { return items_[id].project; }
  size_t item_count() const { return items_.size(); }
  static constexpr ItemId kPythonItem = 0;
  const Candidate* python() const { return python_; }
  const python::PythonEnvironment& environment() const { return environment_; }
  // The place at which the user asked for it; nullopt if the user did not.
  std::optional<int> RequestedOrder(ItemId id) const;
  const Constraint* ConstraintOf(std::string_view project) const;

  // Pages without a specifier, for messages; null if no index has the project.
  absl::StatusOr<const python::UsableFiles*> UsableOf(const std::string& project);
  absl::StatusOr<const python::ProjectFiles*> PageOf(const std::string& project);
  python::ChoiceRules RulesOf(std::string_view project) const;

  // RESOURCE_EXHAUSTED when the rules' limit of work is reached.
  absl::Status Spend(size_t work);

  const std::vector<std::string>& fatal() const { return fatal_; }
  const std::vector<std::string>& notes() const { return notes_; }

  absl::StatusOr<Made> MakeCandidate(const python::ProjectFiles& page, const python::UsableFile& file,
                                     const Need& template_need, const AllowedHashes& hashes) override;
  const Candidate* WithExtras(const Candidate* base, const std::vector<std::string>& extras,
                              const Need& template_need) override;

 private:
  struct Item {
    std::string name;
    std::string project;
    ItemId base = 0;
  };
  struct Page {
    const python::ProjectFiles* files = nullptr;
    std::unique_ptr<python::UsableFiles> usable;
  };
  struct Request {
    const python::Requirement* requirement = nullptr;
    std::vector<python::FileHash> hashes;
    std::string comes_from;
    std::vector<std::string> requested_extras;
  };

  ItemId Intern(const std::string& project, const std::vector<std::string>& extras);
  absl::Status Fail(std::vector<std::string> lines);
  void Note(std::string sentence);
  bool Applies(const python::Requirement& requirement, const std::vector<std::string>& extras);
  absl::Status CollectConstraint(const RootRequirement& root);
  absl::Status AddNeeds(const Request& request, std::vector<const Need*>& needs);
  absl::Status AddDirectNeeds(const RootRequirement& root, std::vector<const Need*>& needs);
  const Need* NamedNeed(const Request& request, bool with_extras);
  const Need* ExplicitNeed(const Candidate* candidate);
  absl::StatusOr<const Candidate*> DirectCandidate(const RootRequirement& root);
  absl::Status ReadDirect(const RootRequirement& root, Candidate& candidate);
  absl::Status CheckHashes(const python::UsableFile& file, const Need& need, const AllowedHashes& hashes);
  absl::StatusOr<std::vector<const Candidate*>> ExplicitCandidates(
      ItemId id, const std::vector<const Need*>& needs, const std::vector<const Need*>& base_needs);
  bool AllowsDirect(const Constraint* constraint, const Candidate* candidate) const;
  const Candidate* PresentCandidate(const std::string& project, const python::SpecifierSet& specifier,
                                    const Need& template_need);
  absl::Status AddDependencies(const Candidate* candidate, std::vector<const Need*>& needs);

  const ResolveRules& rules_;
  const python::PythonEnvironment& environment_;
  python::MarkerEnvironment markers_;
  ProjectSource& source_;
  bool require_hashes_;

  // References to its names stay.
  std::deque<Item> items_;
  std::map<std::string, ItemId, std::less<>> ids_;
  std::map<std::string, Page> pages_;
  std::map<std::string, Constraint, std::less<>> constraints_;
  std::map<ItemId, int> requested_;
  std::vector<const Need*> roots_;
  const Candidate* python_ = nullptr;

  // What candidates and needs point to.
  std::deque<Candidate> candidates_;
  std::deque<Need> needs_;
  std::deque<CoreMetadata> metadata_;
  std::deque<RootRequirement> direct_roots_;
  std::map<const python::ListedFile*, Made> by_file_;
  std::map<std::pair<const Candidate*, std::vector<std::string>>, const Candidate*> with_extras_;
  std::map<std::string, const Candidate*> by_location_;
  std::map<std::string, const Candidate*, std::less<>> present_;
  std::map<const Candidate*, std::vector<const Need*>> dependencies_;
  std::map<std::pair<const Need*, const Candidate*>, bool> satisfied_;
  size_t metadata_reads_ = 0;
  size_t work_ = 0;
  std::vector<std::string> fatal_;
  std::vector<std::string> notes_;
};

}  // namespace crossmill::predict
