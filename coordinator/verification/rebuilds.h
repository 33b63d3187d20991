// Submits recorded builds again, to compare what they give with what they gave.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rebuild/rebuild_submission.h"

namespace crossmill::coordinator {

// Thread safe. The engine outlives it.
class Rebuilds {
 public:
  explicit Rebuilds(Engine& engine) : engine_(engine) {}

  // Builds a recorded build (0: the latest that was no rebuild) again. `idempotency_key` and `secrets` as
  // Engine::Submit. NOT_FOUND: the scope sees no such build; FAILED_PRECONDITION: it has no result;
  // INVALID_ARGUMENT: secrets that it had are missing, or it is a rebuild itself.
  absl::StatusOr<Submitted> Submit(int64_t build, const RebuildWish& wish, const std::string& idempotency_key,
                                   const std::vector<v1::Secret>& secrets = {},
                                   const core::Scope& scope = core::Scope::OfFarm());

  // The same without a client, for as many hosts as the build itself asked for.
  absl::StatusOr<Submitted> SubmitAgain(int64_t build);

 private:
  Engine& engine_;
};

}  // namespace crossmill::coordinator
