#include "cli/show/differences.h"

#include "common/base/status.h"
#include "common/layer/manifest_diff.h"

namespace crossmill::cli {

absl::Status CompleteDifferences(BlobStore& blobs, size_t limit, v1::StepComparison* step) {
  if (static_cast<size_t>(step->differences_size()) >= std::min<size_t>(limit, step->differences_total())) {
    return absl::OkStatus();
  }
  const v1::Witness* other = nullptr;
  for (const v1::Witness& witness : step->witnesses()) {
    if (witness.layer().tar().hash() != step->witnesses(0).layer().tar().hash()) {
      other = &witness;
      break;
    }
  }
  if (other == nullptr) return absl::OkStatus();
  layer::LayerManifest manifests[2];
  const v1::Layer* layers[2] = {&step->witnesses(0).layer(), &other->layer()};
  for (int i = 0; i < 2; ++i) {
    const auto bytes = blobs.Get(FromProto(layers[i]->manifest()));
    if (absl::IsNotFound(bytes.status())) return absl::OkStatus();
    RETURN_IF_ERROR(bytes.status());
    ASSIGN_OR_RETURN(manifests[i], layer::LayerManifest::Parse(*bytes));
  }
  uint32_t total = 0;
  const std::vector<v1::PathDifference> differences =
      layer::DiffManifests(manifests[0], manifests[1], limit, &total);
  *step->mutable_differences() = {differences.begin(), differences.end()};
  step->set_differences_total(total);
  return absl::OkStatus();
}

}  // namespace crossmill::cli
