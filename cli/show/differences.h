// Differing paths beyond those that the coordinator recorded, from the manifests in the blob store.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "common/base/blob_store.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::cli {

// When the comparison's list is not complete: compares the first execution's manifest with each that differs
// and fills in up to `limit` paths. A manifest that is gone leaves the list as it was.
absl::Status CompleteDifferences(BlobStore& blobs, size_t limit, v1::StepComparison* step);

}  // namespace crossmill::cli
