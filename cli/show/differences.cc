#include "cli/show/differences.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/layer/manifest_diff.h"

namespace crossmill::cli {

absl::Status CompleteDifferences(BlobStore& blobs, size_t limit, v1::StepComparison* step) {
  if (static_cast<size_t>(step->differences_size()) >= std::min<size_t>(limit, step->differences_total())) {
    return absl::OkStatus();
  }
  // Of each different layer; executions that failed have none.
  std::vector<layer::LayerManifest> manifests;
  std::set<std::string> known;
  for (const v1::Witness& witness : step->witnesses()) {
    if (!witness.has_layer() || !known.insert(witness.layer().tar().hash()).second) continue;
    const auto bytes = blobs.Get(FromProto(witness.layer().manifest()));
    if (absl::IsNotFound(bytes.status())) return absl::OkStatus();
    RETURN_IF_ERROR(bytes.status());
    ASSIGN_OR_RETURN(manifests.emplace_back(), layer::LayerManifest::Parse(*bytes));
  }
  if (manifests.size() < 2) return absl::OkStatus();
  uint32_t total = 0;
  const std::vector<v1::PathDifference> differences =
      layer::DiffManifests(manifests.front(), absl::MakeConstSpan(manifests).subspan(1), limit, &total);
  *step->mutable_differences() = {differences.begin(), differences.end()};
  step->set_differences_total(total);
  return absl::OkStatus();
}

}  // namespace crossmill::cli
