// The search for candidates that fit together: resolvelib's (1.2, as pip 26.3 has it), with pip's
// preferences. Used in this room only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/resolver/resolver_provider.h"

namespace crossmill::predict {

// What is known of one identifier. Immutable.
struct Criterion {
  std::shared_ptr<CandidateList> candidates;
  std::vector<const Information*> information;
  std::set<const Candidate*> incompatibilities;
};

class ResolutionSearch {
 public:
  // By identifier; null where it does not occur.
  using Criteria = std::vector<std::shared_ptr<const Criterion>>;

  struct State {
    Criteria criteria;
    // By identifier, and in the order in which they were pinned.
    std::vector<const Candidate*> pins;
    std::vector<ItemId> order;
    std::vector<const Information*> causes;
  };

  ResolutionSearch(ResolverProvider& provider, size_t most_rounds);

  // Whether there is a solution: then state() is it, else causes() says what cannot be together.
  absl::StatusOr<bool> Run();

  const State& state() const { return states_.back(); }
  const std::vector<const Information*>& causes() const { return causes_; }
  size_t rounds() const { return rounds_; }
  // Something that was tried did not fit.
  bool backtracked() const { return backtracked_; }

 private:
  // Null: it fits; else the criterion that has no candidate left.
  using Conflict = std::shared_ptr<const Criterion>;
  enum class Jump { kDone, kNoWay, kImpossible };
  using Broken = std::vector<std::pair<ItemId, std::set<const Candidate*>>>;

  State& now() { return states_.back(); }
  std::vector<const Need*> NeedsOf(const Criteria& criteria, ItemId id) const;
  absl::StatusOr<Conflict> AddNeed(Criteria& criteria, const Need* need, const Candidate* parent);
  absl::StatusOr<bool> AddRoots();
  bool IsPinSatisfying(ItemId id);
  std::vector<ItemId> Unsatisfied();
  std::vector<ItemId> Narrowed(const std::vector<ItemId>& ids);
  ItemId MostPreferred(const std::vector<ItemId>& ids);
  absl::StatusOr<std::vector<Conflict>> AttemptToPin(ItemId id);
  void DropInvalidated(const std::vector<ItemId>& unsatisfied);
  absl::StatusOr<bool> Patch(Broken broken);
  absl::StatusOr<Jump> Backjump(const std::vector<const Information*>& causes);
  absl::StatusOr<Jump> TakeBackPins(const std::set<ItemId>& incompatible, State& broken, ItemId& id,
                                    const Candidate*& candidate);
  absl::StatusOr<bool> AfterFailure(const std::vector<Conflict>& conflicts);
  bool OptimismIsOver(size_t round);
  void RollBack();

  ResolverProvider& provider_;
  const size_t most_rounds_;
  std::deque<Information> information_;
  std::vector<State> states_;
  std::vector<const Information*> causes_;
  size_t rounds_ = 0;
  bool backtracked_ = false;

  // pip's provider: how often an identifier stood in a conflict before it was pinned.
  std::map<ItemId, int> conflicts_;
  std::set<ItemId> promoted_;

  bool optimistic_ = true;
  std::optional<std::vector<State>> saved_;
  std::optional<size_t> optimistic_since_;
  size_t optimistic_cutoff_ = 0;
};

}  // namespace crossmill::predict
