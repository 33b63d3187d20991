// A platform of two recorded builds, each beside the other. A job: it reads records and blobs.
#pragma once

#include <stop_token>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/comparison.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// A build and its cell of the platform; not owned.
struct RecordedSide {
  const v1::BuildView& view;
  const v1::CellView& cell;
  // As it was recorded; the cell has the same index in plan and view.
  const v1::BuildPlan& plan;
};

// Everything of a PlatformPair but `changes`. What is no longer in the store is told in it. CANCELLED after a
// stop; else errors of records and store.
absl::StatusOr<v1::PlatformPair> ComparePair(const RecordedSide& first, const RecordedSide& second,
                                             BlobStore& blobs, storage::RecordStore& records,
                                             const std::stop_token& stop);

}  // namespace crossmill::coordinator
