// Which executions of a step a comparison sees, and what image each replica made of its own. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "coordinator/core/build_state.h"
#include "coordinator/core/comparer.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::core {

struct WitnessRules {
  // --verify N.
  uint32_t wanted = 0;
  // Distinct workers count, not distinct hosts.
  bool by_worker = false;
  bool forbid_emulation = false;
};

v1::Witness WitnessOf(const StepFact& fact);

// The first execution and at most wanted - 1 `others` (in the order they finished), each on a host (worker)
// of its own. Then every failure among the others, wherever it ran: enough successes elsewhere do not unsay
// it.
std::vector<v1::Witness> SelectWitnesses(const StepFact& first, absl::Span<const StepFact> others,
                                         const WitnessRules& rules);

// The target's root file system with the layers that replica `replica` made, each in its step's place;
// `first`: the same of the first execution, base layers at the bottom. nullopt: it did not succeed in every
// step of the cell, so there is no image of its own.
std::optional<std::vector<v1::Layer>> ReplicaChain(const v1::BuildPlan& plan, uint32_t target,
                                                   absl::Span<const v1::Layer> first,
                                                   absl::Span<const StepExecutions> steps, uint32_t replica);

}  // namespace crossmill::core
