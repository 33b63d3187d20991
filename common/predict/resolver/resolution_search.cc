// resolvelib's Resolution, step by step: pin what is preferred, go back where nothing fits.
#include "common/predict/resolver/resolution_search.h"

#include <algorithm>
#include <climits>
#include <tuple>

#include "common/base/status.h"

namespace crossmill::predict {
namespace {

// pip's limit, of which a tenth is for optimistic jumps.
constexpr size_t kPipRounds = 200'000;
constexpr int kPromotedAfter = 5;

bool IsPinning(const python::Specifier& clause) {
  return (clause.comparison() == python::Comparison::kEqual ||
          clause.comparison() == python::Comparison::kArbitrary) &&
         !clause.is_prefix();
}

bool IsUpperBound(const python::Specifier& clause) {
  switch (clause.comparison()) {
    case python::Comparison::kLess:
    case python::Comparison::kLessOrEqual:
    case python::Comparison::kCompatible:
      return true;
    case python::Comparison::kEqual:
      return clause.is_prefix();
    default:
      return false;
  }
}

std::shared_ptr<const Criterion> CriterionAt(const ResolutionSearch::Criteria& criteria, ItemId id) {
  return static_cast<size_t>(id) < criteria.size() ? criteria[id] : nullptr;
}

void PutCriterion(ResolutionSearch::Criteria& criteria, ItemId id,
                  std::shared_ptr<const Criterion> criterion) {
  if (criteria.size() <= static_cast<size_t>(id)) criteria.resize(id + 1);
  criteria[id] = std::move(criterion);
}

const Candidate* PinAt(const ResolutionSearch::State& state, ItemId id) {
  return static_cast<size_t>(id) < state.pins.size() ? state.pins[id] : nullptr;
}

void Unpin(ResolutionSearch::State& state, ItemId id) {
  if (PinAt(state, id) == nullptr) return;
  state.pins[id] = nullptr;
  std::erase(state.order, id);
}

}  // namespace

ResolutionSearch::ResolutionSearch(ResolverProvider& provider, size_t most_rounds)
    : provider_(provider), most_rounds_(std::min(most_rounds, kPipRounds)) {}

std::vector<const Need*> ResolutionSearch::NeedsOf(const Criteria& criteria, ItemId id) const {
  std::vector<const Need*> needs;
  const auto criterion = CriterionAt(criteria, id);
  if (criterion == nullptr) return needs;
  for (const Information* information : criterion->information) needs.push_back(information->need);
  return needs;
}

absl::StatusOr<ResolutionSearch::Conflict> ResolutionSearch::AddNeed(Criteria& criteria, const Need* need,
                                                                     const Candidate* parent) {
  const auto before = CriterionAt(criteria, need->id);
  auto criterion = std::make_shared<Criterion>();
  if (before != nullptr) {
    criterion->information = before->information;
    criterion->incompatibilities = before->incompatibilities;
  }
  criterion->information.push_back(&information_.emplace_back(Information{need, parent}));
  std::vector<const Need*> needs = NeedsOf(criteria, need->id);
  needs.push_back(need);
  ASSIGN_OR_RETURN(criterion->candidates,
                   provider_.FindMatches(need->id, needs, NeedsOf(criteria, provider_.BaseOf(need->id)),
                                         criterion->incompatibilities));
  ASSIGN_OR_RETURN(const bool empty, criterion->candidates->Empty());
  if (empty) return Conflict(criterion);
  PutCriterion(criteria, need->id, criterion);
  return Conflict();
}

bool ResolutionSearch::IsPinSatisfying(ItemId id) {
  const Candidate* pin = PinAt(now(), id);
  if (pin == nullptr) return false;
  const auto& information = now().criteria[id]->information;
  return std::all_of(information.begin(), information.end(),
                     [&](const Information* one) { return provider_.IsSatisfiedBy(one->need, pin); });
}

std::vector<ItemId> ResolutionSearch::Unsatisfied() {
  std::vector<ItemId> ids;
  for (size_t id = 0; id < now().criteria.size(); ++id) {
    if (now().criteria[id] != nullptr && !IsPinSatisfying(static_cast<ItemId>(id)))
      ids.push_back(static_cast<ItemId>(id));
  }
  return ids;
}

std::vector<ItemId> ResolutionSearch::Narrowed(const std::vector<ItemId>& ids) {
  std::set<ItemId> of_causes;
  const auto count = [&](ItemId id) {
    of_causes.insert(id);
    if (PinAt(now(), id) == nullptr && ++conflicts_[id] >= kPromotedAfter) promoted_.insert(id);
  };
  for (const Information* cause : now().causes) {
    count(cause->need->id);
    if (cause->parent != nullptr) count(cause->parent->id);
  }
  std::vector<ItemId> causes;
  std::vector<ItemId> promoted;
  for (const ItemId id : ids) {
    if (id == ResolverProvider::kPythonItem) return {id};
    if (of_causes.contains(id)) {
      causes.push_back(id);
    } else if (promoted_.contains(id)) {
      promoted.push_back(id);
    }
  }
  return !causes.empty() ? causes : !promoted.empty() ? promoted : ids;
}

ItemId ResolutionSearch::MostPreferred(const std::vector<ItemId>& ids) {
  using Preference = std::tuple<bool, bool, bool, bool, int, bool, std::string_view>;
  ItemId best = ids[0];
  std::optional<Preference> best_preference;
  for (const ItemId id : ids) {
    bool direct = false;
    bool pinned = false;
    bool bounded = false;
    bool restricted = false;
    for (const Information* information : now().criteria[id]->information) {
      const Need* need = information->need;
      direct |= need->kind == Need::Kind::kExplicit;
      if (need->kind != Need::Kind::kSpecifier) continue;
      for (const python::Specifier& clause : need->requirement->specifier.clauses()) {
        pinned |= IsPinning(clause);
        bounded |= IsUpperBound(clause);
        restricted = true;
      }
    }
    const Preference preference(!promoted_.contains(id), !direct, !pinned, !bounded,
                                provider_.RequestedOrder(id).value_or(INT_MAX), !restricted,
                                provider_.NameOfItem(id));
    if (best_preference.has_value() && *best_preference <= preference) continue;
    best_preference = preference;
    best = id;
  }
  return best;
}

absl::StatusOr<std::vector<ResolutionSearch::Conflict>> ResolutionSearch::AttemptToPin(ItemId id) {
  const std::shared_ptr<const Criterion> criterion = now().criteria[id];
  std::vector<Conflict> conflicts;
  for (size_t index = 0;; ++index) {
    ASSIGN_OR_RETURN(const Candidate* candidate, criterion->candidates->At(index));
    if (candidate == nullptr) return conflicts;
    RETURN_IF_ERROR(provider_.Spend(10 + now().criteria.size() / 10));
    Criteria criteria = now().criteria;
    ASSIGN_OR_RETURN(const std::vector<const Need*>* needs, provider_.Dependencies(candidate));
    Conflict conflict;
    for (const Need* need : *needs) {
      ASSIGN_OR_RETURN(conflict, AddNeed(criteria, need, candidate));
      if (conflict != nullptr) break;
    }
    if (conflict != nullptr) {
      backtracked_ = true;
      conflicts.push_back(std::move(conflict));
      continue;
    }
    now().criteria = std::move(criteria);
    Unpin(now(), id);
    if (now().pins.size() <= static_cast<size_t>(id)) now().pins.resize(id + 1);
    now().pins[id] = candidate;
    now().order.push_back(id);
    return std::vector<Conflict>();
  }
}

// What a pin that does not hold any more had asked for counts no more.
void ResolutionSearch::DropInvalidated(const std::vector<ItemId>& unsatisfied) {
  std::set<ItemId> invalidated;
  for (const ItemId id : Unsatisfied()) {
    if (!std::binary_search(unsatisfied.begin(), unsatisfied.end(), id) && PinAt(now(), id) != nullptr)
      invalidated.insert(id);
  }
  if (invalidated.empty()) return;
  for (std::shared_ptr<const Criterion>& criterion : now().criteria) {
    if (criterion == nullptr) continue;
    auto other = std::make_shared<Criterion>(*criterion);
    std::erase_if(other->information, [&](const Information* one) {
      return one->parent != nullptr && invalidated.contains(one->parent->id);
    });
    criterion = std::move(other);
  }
}

absl::StatusOr<bool> ResolutionSearch::Patch(Broken broken) {
  for (auto& [id, incompatibilities] : broken) {
    if (incompatibilities.empty()) continue;
    const auto criterion = CriterionAt(now().criteria, id);
    if (criterion == nullptr) continue;
    auto patched = std::make_shared<Criterion>();
    patched->information = criterion->information;
    patched->incompatibilities = std::move(incompatibilities);
    patched->incompatibilities.insert(criterion->incompatibilities.begin(),
                                      criterion->incompatibilities.end());
    ASSIGN_OR_RETURN(patched->candidates, provider_.FindMatches(id, NeedsOf(now().criteria, id),
                                                                NeedsOf(now().criteria, provider_.BaseOf(id)),
                                                                patched->incompatibilities));
    ASSIGN_OR_RETURN(const bool empty, patched->candidates->Empty());
    if (empty) return false;
    now().criteria[id] = std::move(patched);
  }
  return true;
}

// Goes back to before a pin that may have caused the conflict.
absl::StatusOr<ResolutionSearch::Jump> ResolutionSearch::TakeBackPins(const std::set<ItemId>& incompatible,
                                                                      State& broken, ItemId& id,
                                                                      const Candidate*& candidate) {
  for (;;) {
    if (states_.empty()) return Jump::kImpossible;
    broken = std::move(states_.back());
    states_.pop_back();
    if (broken.order.empty()) return Jump::kImpossible;
    id = broken.order.back();
    candidate = broken.pins[id];
    Unpin(broken, id);
    const bool foreign = !incompatible.contains(id);
    if (!optimistic_ && foreign) return Jump::kDone;
    if (optimistic_ && !saved_.has_value() && foreign) {
      // As resolvelib does it: without the state that was just taken off.
      saved_ = states_;
    }
    ASSIGN_OR_RETURN(const std::vector<const Need*>* needs, provider_.Dependencies(candidate));
    if (std::any_of(needs->begin(), needs->end(),
                    [&](const Need* need) { return incompatible.contains(need->id); }))
      return Jump::kDone;
    if (broken.order.empty()) return Jump::kDone;
    if (states_.size() <= 1) return Jump::kImpossible;
  }
}

absl::StatusOr<ResolutionSearch::Jump> ResolutionSearch::Backjump(
    const std::vector<const Information*>& causes) {
  std::set<ItemId> incompatible;
  for (const Information* cause : causes) {
    incompatible.insert(cause->need->id);
    if (cause->parent != nullptr) incompatible.insert(cause->parent->id);
  }
  while (states_.size() >= 3) {
    states_.pop_back();
    State broken;
    ItemId id = 0;
    const Candidate* candidate = nullptr;
    ASSIGN_OR_RETURN(const Jump taken, TakeBackPins(incompatible, broken, id, candidate));
    if (taken != Jump::kDone || states_.empty()) return Jump::kImpossible;
    Broken known;
    for (size_t other = 0; other < broken.criteria.size(); ++other) {
      if (broken.criteria[other] != nullptr)
        known.emplace_back(static_cast<ItemId>(other), broken.criteria[other]->incompatibilities);
    }
    known.push_back({id, {candidate}});
    states_.push_back(State(states_.back()));
    ASSIGN_OR_RETURN(const bool patched, Patch(std::move(known)));
    if (patched) return Jump::kDone;
  }
  return Jump::kNoWay;
}

void ResolutionSearch::RollBack() {
  optimistic_ = false;
  if (saved_.has_value()) states_ = *std::move(saved_);
  saved_.reset();
}

bool ResolutionSearch::OptimismIsOver(size_t round) {
  if (!optimistic_ || !saved_.has_value()) return false;
  if (!optimistic_since_.has_value()) {
    optimistic_since_ = round;
    optimistic_cutoff_ = (kPipRounds - round) / 10;
    return optimistic_cutoff_ == 0;
  }
  return round - *optimistic_since_ >= optimistic_cutoff_;
}

// False: there is no solution.
absl::StatusOr<bool> ResolutionSearch::AfterFailure(const std::vector<Conflict>& conflicts) {
  std::vector<const Information*> causes;
  std::set<const Information*> seen;
  for (const Conflict& conflict : conflicts) {
    for (const Information* information : conflict->information) {
      if (seen.insert(information).second) causes.push_back(information);
    }
  }
  ASSIGN_OR_RETURN(const Jump jump, Backjump(causes));
  if (jump != Jump::kDone && optimistic_ && saved_.has_value()) {
    RollBack();
    return true;
  }
  if (jump == Jump::kImpossible || states_.empty()) {
    causes_ = std::move(causes);
    return false;
  }
  now().causes = causes;
  causes_ = std::move(causes);
  return jump == Jump::kDone;
}

absl::StatusOr<bool> ResolutionSearch::AddRoots() {
  states_ = {State()};
  for (const Need* need : provider_.roots()) {
    ASSIGN_OR_RETURN(const Conflict conflict, AddNeed(now().criteria, need, nullptr));
    if (conflict == nullptr) continue;
    causes_ = conflict->information;
    return false;
  }
  states_.push_back(State(states_.back()));
  return true;
}

absl::StatusOr<bool> ResolutionSearch::Run() {
  ASSIGN_OR_RETURN(const bool fit, AddRoots());
  if (!fit) return false;
  for (rounds_ = 0; rounds_ < most_rounds_; ++rounds_) {
    if (OptimismIsOver(rounds_)) {
      RollBack();
      continue;
    }
    const std::vector<ItemId> unsatisfied = Unsatisfied();
    if (unsatisfied.empty()) return true;
    const std::vector<ItemId> narrowed = unsatisfied.size() > 1 ? Narrowed(unsatisfied) : unsatisfied;
    const ItemId id = narrowed.size() > 1 ? MostPreferred(narrowed) : narrowed[0];
    ASSIGN_OR_RETURN(const std::vector<Conflict> conflicts, AttemptToPin(id));
    if (!conflicts.empty()) {
      ASSIGN_OR_RETURN(const bool possible, AfterFailure(conflicts));
      if (!possible) return false;
      continue;
    }
    DropInvalidated(unsatisfied);
    states_.push_back(State(states_.back()));
  }
  return absl::ResourceExhaustedError(fmt::format("no solution after {} rounds", most_rounds_));
}

}  // namespace crossmill::predict
