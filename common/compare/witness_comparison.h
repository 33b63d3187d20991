// Why the layers of two witnesses of a step differ: their contents out of a blob store, and what is recorded
// of both.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/blob_store.h"
#include "common/compare/step_comparison.h"
#include "common/layer/layer_manifest.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::compare {

// A witness that has a layer, and that layer's manifest. Not owned.
struct WitnessLayer {
  const v1::Witness* witness = nullptr;
  const layer::LayerManifest* manifest = nullptr;
};

// What is recorded of the two besides what they tell themselves: members of ComparedExecutions.
struct WitnessRecord {
  absl::Span<const v1::InputChange> input_changes = {};
  std::optional<std::vector<std::string>> normalized = {};
};

// All paths, by cause. What cannot be read is told in the explanation's problem.
StepExplanation ExplainWitnesses(const WitnessLayer& first, const WitnessLayer& second, BlobStore& blobs,
                                 const WitnessRecord& record, const KnownFiles& known,
                                 const StepLimits& limits, const std::stop_token& stop);

// One path in depth. NOT_FOUND: it does not differ in content.
absl::StatusOr<v1::FileDifference> ExplainPath(const std::string& path, const WitnessLayer& first,
                                               const WitnessLayer& second, BlobStore& blobs,
                                               const KnownFiles& known, const CompareLimits& limits,
                                               const std::stop_token& stop);

}  // namespace crossmill::compare
