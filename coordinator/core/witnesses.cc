#include "coordinator/core/witnesses.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "coordinator/core/circumstances.h"

namespace crossmill::core {
namespace {

bool Succeeded(const StepFact& fact) { return fact.exit_code == 0 && fact.failure.empty(); }

using StepId = std::pair<uint32_t, uint32_t>;

// The steps whose layers are the top of the stage's root, bottom first: through FROM stage, without the base.
std::vector<StepId> LayerSteps(const v1::BuildPlan& plan, uint32_t stage) {
  const v1::StagePlan& at = plan.stages(static_cast<int>(stage));
  std::vector<StepId> steps;
  if (at.base_case() == v1::StagePlan::kBaseStage) steps = LayerSteps(plan, at.base_stage());
  for (const v1::Step& step : at.steps()) {
    if (step.action_case() != v1::Step::ACTION_NOT_SET) steps.emplace_back(stage, step.number());
  }
  return steps;
}

}  // namespace

bool MaySpeak(const StepFact& fact, bool is_run, bool own_replica, absl::Span<const v1::Aspect> aspects) {
  return !is_run || own_replica || !Succeeded(fact) || WasVaried(fact, aspects);
}

v1::Witness WitnessOf(const StepFact& fact) {
  v1::Witness witness;
  witness.set_execution(fact.execution);
  witness.set_worker(fact.worker);
  witness.set_host_id(fact.host_id);
  witness.set_host_name(fact.host_name);
  witness.set_emulated(fact.emulated);
  witness.set_finished_at(fact.finished_at);
  witness.mutable_circumstances()->Assign(fact.circumstances.begin(), fact.circumstances.end());
  if (Succeeded(fact)) {
    *witness.mutable_layer() = fact.layer;
  } else {
    witness.set_failure(fact.failure.empty() ? fmt::format("exit code {}", fact.exit_code) : fact.failure);
  }
  return witness;
}

std::vector<v1::Witness> SelectWitnesses(const StepFact& first, absl::Span<const StepFact> others,
                                         const WitnessRules& rules) {
  std::vector<v1::Witness> witnesses = {WitnessOf(first)};
  std::vector<v1::Witness> failures;
  std::set<std::string> seen = {rules.by_worker ? first.worker : first.host_id};
  for (const StepFact& other : others) {
    if (other.execution == first.execution || (rules.forbid_emulation && other.emulated)) continue;
    const bool own_place = seen.insert(rules.by_worker ? other.worker : other.host_id).second;
    if (own_place && witnesses.size() < rules.wanted) {
      witnesses.push_back(WitnessOf(other));
    } else if (!Succeeded(other)) {
      failures.push_back(WitnessOf(other));
    }
  }
  witnesses.insert(witnesses.end(), failures.begin(), failures.end());
  return witnesses;
}

std::vector<int> ShareWitnesses(const std::string& first_place, absl::Span<const PlacedWitness> others,
                                int replicas) {
  std::vector<int> shares(replicas, -1);
  std::set<std::string> taken = {first_place};
  for (int i = 0; i < static_cast<int>(others.size()); ++i) {
    const PlacedWitness& other = others[i];
    if (other.replica < 1 || other.replica > replicas || shares[other.replica - 1] >= 0) continue;
    if (taken.insert(other.place).second) shares[other.replica - 1] = i;
  }
  auto without = shares.begin();
  for (int i = 0; i < static_cast<int>(others.size()); ++i) {
    without = std::find(without, shares.end(), -1);
    if (without == shares.end()) break;
    if (taken.insert(others[i].place).second) *without = i;
  }
  return shares;
}

std::optional<std::vector<v1::Layer>> ReplicaChain(const v1::BuildPlan& plan, uint32_t target,
                                                   absl::Span<const v1::Layer> first,
                                                   absl::Span<const StepExecutions> steps, uint32_t replica) {
  std::map<StepId, const v1::Layer*> own;
  for (const StepExecutions& step : steps) {
    if (step.witnesses.size() <= replica || !step.witnesses[replica].has_layer()) return std::nullopt;
    own[{step.stage, step.step_number}] = &step.witnesses[replica].layer();
  }
  std::vector<v1::Layer> chain(first.begin(), first.end());
  const std::vector<StepId> made = LayerSteps(plan, target);
  if (made.size() > chain.size()) return std::nullopt;
  const size_t below = chain.size() - made.size();
  for (size_t i = 0; i < made.size(); ++i) {
    const auto layer = own.find(made[i]);
    if (layer == own.end()) return std::nullopt;
    chain[below + i] = *layer->second;
  }
  return chain;
}

}  // namespace crossmill::core
