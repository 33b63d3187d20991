// The root file systems that the steps of a plan begin with, as far as they are known without running
// anything: layers of the bases and of steps that the step cache has, what COPY and ADD bring, and what is
// not known.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/blob_store.h"
#include "coordinator/engine/step_cache.h"
#include "coordinator/forecast/layer_index.h"
#include "coordinator/forecast/merged_root.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Something about a root that is not known.
struct RootDoubt {
  // A sentence.
  std::string text;
  // It is about what the distribution keeps: nothing in /usr/local and /opt is meant.
  bool system = false;
};

// A RUN as the walk comes to it.
struct RunPlace {
  // Index in the plan.
  uint32_t stage = 0;
  const v1::Step* step = nullptr;
  // Before the step, what is mounted from images, stages and the context in place. Valid during the call.
  MergedRoot* root = nullptr;
  std::vector<RootDoubt> doubts;
  // The step cache has its result; 0: it has none.
  int64_t execution = 0;
};
using RunVisitor = std::function<absl::Status(const RunPlace& place)>;

// Everything outlives it.
struct RootParts {
  StepCache& cache;
  LayerIndexes& indexes;
  BlobStore& blobs;
};

// Used once, by one thread.
class StageRoots {
 public:
  // `since`: only executions begun then or later count for stages that are made without the cache, or for all
  // of them with `no_cache` (Unix nanoseconds).
  StageRoots(const v1::BuildPlan& plan, RootParts parts, int64_t since, bool no_cache, std::stop_token stop)
      : plan_(plan), parts_(parts), since_(since), no_cache_(no_cache), stop_(std::move(stop)) {}

  // Goes over those stages and all that they need, in the order of the plan. An error of the visitor ends it.
  // NOT_FOUND, UNAVAILABLE and DATA_LOSS are the store's; RESOURCE_EXHAUSTED: more than 3,000,000 paths;
  // CANCELLED.
  absl::Status Walk(const std::set<uint32_t>& stages, const RunVisitor& visitor);

 private:
  struct StageState {
    explicit StageState(MergedRoot of) : root(std::move(of)) {}

    MergedRoot root;
    // The layers of the root, bottom first; nullopt: they are not all known, and no key can be computed.
    std::optional<std::vector<v1::Layer>> chain = std::vector<v1::Layer>();
    std::vector<RootDoubt> doubts;
    // Parallel to StagePlan.exports.
    std::vector<std::optional<Digest>> exports;
  };

  absl::StatusOr<StageState> Begin(const v1::StagePlan& stage);
  absl::Status AddLayer(const v1::Layer& layer, StageState& state);
  absl::Status Visit(uint32_t index, const v1::Step& step, int64_t execution, const RunVisitor& visitor,
                     StageState& state);
  // Its result, if the step cache has it.
  absl::StatusOr<std::optional<core::StepFact>> FindResult(const v1::StagePlan& stage, const v1::Step& step,
                                                           const StageState& state);
  absl::Status Apply(const v1::Step& step, const std::optional<core::StepFact>& result, StageState& state);
  absl::Status FindExports(const v1::StagePlan& stage, StageState& state);
  // The step as its key is computed of; nullopt: an export that it copies is not known.
  std::optional<v1::Step> Resolved(const v1::Step& step) const;
  MergedRoot* KnownRoot(uint32_t stage);

  const v1::BuildPlan& plan_;
  const RootParts parts_;
  const int64_t since_;
  const bool no_cache_;
  const std::stop_token stop_;
  std::map<uint32_t, StageState> states_;
  size_t paths_ = 0;
};

}  // namespace crossmill::coordinator
