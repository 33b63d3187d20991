// Which executions of a step a comparison sees, and what image each replica made of its own. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "coordinator/core/build_state.h"
#include "coordinator/verdict/comparer.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::verdict {

struct WitnessRules {
  // --verify N.
  uint32_t wanted = 0;
  // Distinct workers count, not distinct hosts.
  bool by_worker = false;
  bool forbid_emulation = false;
};

// Whether an execution other than the first may speak for the step at all: a RUN's must have been asked to
// differ from the first in all these aspects, unless it failed or this very comparison had it executed.
bool MaySpeak(const core::StepFact& fact, bool is_run, bool own_replica,
              absl::Span<const v1::Aspect> aspects);

v1::Witness WitnessOf(const core::StepFact& fact);

// The first execution and at most wanted - 1 `others` (in the order they finished), each on a host (worker)
// of its own. Then every failure among the others, wherever it ran: enough successes elsewhere do not unsay
// it.
std::vector<v1::Witness> SelectWitnesses(const core::StepFact& first, absl::Span<const core::StepFact> others,
                                         const WitnessRules& rules);

// An execution of a step beside the first, as far as the replicas share it out among themselves.
struct PlacedWitness {
  // Its host (or worker, where distinct workers count).
  std::string place;
  // The replica of this very stage run that executed it; 0: another build's, or an earlier try of the first.
  int replica = 0;
};

// Which of the witnesses stands for which replica: each place once, `first_place` never. What a replica
// executed itself is its own, so that replicas which run side by side can end in any order; what others
// executed goes to the replicas that have none, the lowest first. Returns for replica 1, 2, ... an index into
// `others`, or -1.
std::vector<int> ShareWitnesses(const std::string& first_place, absl::Span<const PlacedWitness> others,
                                int replicas);

// The target's root file system with the layers that replica `replica` made, each in its step's place;
// `first`: the same of the first execution, base layers at the bottom. nullopt: it did not succeed in every
// step of the cell, so there is no image of its own.
std::optional<std::vector<v1::Layer>> ReplicaChain(const v1::BuildPlan& plan, uint32_t target,
                                                   absl::Span<const v1::Layer> first,
                                                   absl::Span<const StepExecutions> steps, uint32_t replica);

}  // namespace crossmill::verdict
