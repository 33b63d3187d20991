// How the layers of a step's executions differ and why, out of manifests, contents and records.
#pragma once

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/compare/known_files.h"
#include "common/layer/layer_manifest.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/verdict/comparer.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Differing paths that a comparison keeps of each step.
inline constexpr size_t kDifferencesOfStep = 200;

bool SameLayer(const v1::Layer& a, const v1::Layer& b);

// NOT_FOUND: it is not in the store.
absl::StatusOr<layer::LayerManifest> ReadManifest(BlobStore& blobs, const v1::Layer& layer);

// Fills in differences and causes. Of every layer that is not the first's, since each may reach the image by
// another path. NOT_FOUND: a manifest is not in the store. `normalized`: compare::ComparedExecutions.
absl::Status AddDifferences(BlobStore& blobs, const compare::KnownFiles& known,
                            const std::optional<std::vector<std::string>>& normalized,
                            const std::stop_token& stop, verdict::StepExecutions* step);

// Fills in the input changes of the first execution whose layer is not the first's. Before AddDifferences,
// which explains with them.
absl::Status AddInputChanges(storage::RecordStore& records, verdict::StepExecutions* step);

}  // namespace crossmill::coordinator
