// What a worker states about one execution of a step: which layer it made, from which parents and by which
// step, what it fetched, when, under what circumstances, on which host. Pure.
//
// The same facts give the same statement, on the worker and on the coordinator, which signs for nothing that
// it does not know and so compares the two. docs/attestations.md has the members.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/attest/statement.h"
#include "common/base/digest.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::attest {

// Of the file; what is longer is not kept.
inline constexpr size_t kMostExecutionBytes = 1 << 20;

struct ExecutionFacts {
  const v1::Platform* platform = nullptr;  // not owned, as the others
  // Root file system before the step: diffIDs, bottom first.
  std::vector<Digest> parents;
  const v1::Step* step = nullptr;
  // plan::StepKey of all these, hex.
  std::string step_key;
  // Of a step that succeeded.
  const v1::StepResult* result = nullptr;
  const v1::WorkerInfo* worker = nullptr;
};

Statement ExecutionStatement(const ExecutionFacts& facts);

// Whether a worker's statement says what the facts say, no more and no less. INVALID_ARGUMENT names the first
// member that does not.
absl::Status MatchesFacts(const Statement& stated, const ExecutionFacts& facts);

// What others compare of a statement.
struct ExecutionClaim {
  std::string platform;
  // Hex sha256 of the layers below, bottom first.
  std::vector<std::string> parents;
  std::string step_key;
  // Hex.
  std::string layer;
  std::string host_id;
  std::string worker;
  std::string farm_version;
  bool emulated = false;
};

// INVALID_ARGUMENT: another type, or a fact is missing.
absl::StatusOr<ExecutionClaim> ReadExecution(const Statement& statement);

}  // namespace crossmill::attest
