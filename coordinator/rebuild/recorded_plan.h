// The plan of a recorded build, for building it again: with everything that it needs in the blob store. A
// job: it reads blobs and may pull images.
#pragma once

#include <cstdint>
#include <stop_token>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/images/image_store.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// The recorded plan as it was: bases by manifest digest, context and remote sources by content. Layers of a
// base that are gone are fetched again by the manifest's digest. UNAVAILABLE names what is no longer in the
// store and cannot be had, and says what to do; it is nobody's recipe's fault. CANCELLED after a stop.
absl::StatusOr<v1::BuildPlan> LoadRecordedPlan(int64_t build, const std::string& project,
                                               storage::RecordStore& records, ImageStore& images,
                                               BlobStore& blobs, const std::stop_token& stop);

}  // namespace crossmill::coordinator
